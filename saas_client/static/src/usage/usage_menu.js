import { Component, useState } from "@odoo/owl";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { useDropdownState } from "@web/core/dropdown/dropdown_hooks";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { UsageMeters } from "./usage_meters";
import { describeExpiry, worstLevel } from "./usage_service";

/** The small sign in the top bar: how much of the plan is used, red when something is full. */
export class UsageMenu extends Component {
    static template = "saas_client.UsageMenu";
    static components = { Dropdown, UsageMeters };
    static props = {};

    setup() {
        this.service = useService("saas_client.usage");
        this.action = useService("action");
        this.state = useState(this.service.state);
        this.dropdown = useDropdownState();
    }

    get usage() {
        return this.state.usage;
    }

    get isShown() {
        const { meters, records, expiry, rung } = this.usage || { meters: [], records: [] };
        return Boolean(meters.length || records.length || expiry || rung === "read_only");
    }

    get expiry() {
        return describeExpiry(this.usage);
    }

    get level() {
        return worstLevel(this.usage);
    }

    get levelClass() {
        return { fine: "", warning: "text-bg-warning", full: "text-bg-danger" }[this.level];
    }

    openDetails() {
        this.dropdown.close();
        this.action.doAction("saas_client.saas_client_status_action");
    }
}

registry
    .category("systray")
    .add("saas_client.UsageMenu", { Component: UsageMenu }, { sequence: 90 });
