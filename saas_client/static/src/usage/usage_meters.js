import { Component } from "@odoo/owl";
import { describeMeter } from "./usage_service";

/** Bars that show how full the limits are. */
export class UsageMeters extends Component {
    static template = "saas_client.UsageMeters";
    static props = { meters: Array };

    describeMeter(meter) {
        return describeMeter(meter);
    }

    barClass(meter) {
        return { fine: "bg-success", warning: "bg-warning", full: "bg-danger" }[meter.level];
    }
}
