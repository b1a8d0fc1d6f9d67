import { Component, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { patch } from "@web/core/utils/patch";
import { WebClient } from "@web/webclient/webclient";

/** What the provider has to say to everybody: a line above the web client. */
export class UsageNotice extends Component {
    static template = "saas_client.UsageNotice";
    static props = {};

    setup() {
        this.state = useState(useService("saas_client.usage").state);
    }

    get usage() {
        return this.state.usage;
    }

    get isShown() {
        return Boolean(this.usage && (this.usage.rung === "notice" || this.isReadOnly));
    }

    get isReadOnly() {
        return this.usage.rung === "read_only";
    }
}

patch(WebClient, { components: { ...WebClient.components, UsageNotice } });
