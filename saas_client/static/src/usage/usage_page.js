import { Component, onWillStart, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { UsageMeters } from "./usage_meters";
import { describeExpiry, describeExpiryDate } from "./usage_service";

/** What the plan includes and how much of it is used. */
export class UsagePage extends Component {
    static template = "saas_client.UsagePage";
    static components = { Layout, UsageMeters };
    static props = { ...standardActionServiceProps };

    setup() {
        this.service = useService("saas_client.usage");
        this.state = useState(this.service.state);
        onWillStart(() => this.service.load());
    }

    get usage() {
        return this.state.usage;
    }

    get expiry() {
        return describeExpiry(this.usage);
    }

    get expiryDate() {
        return describeExpiryDate(this.usage);
    }

    get advice() {
        const meters = this.usage.meters.concat(this.usage.records);
        return {
            full: meters.filter((meter) => meter.level === "full"),
            warning: meters.filter((meter) => meter.level === "warning"),
        };
    }
}

registry.category("actions").add("saas_client.usage", UsagePage);
