import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

/**
 * Opens the client in a new tab. The tab is opened in the click itself, before the server is asked
 * for the link: browsers block what opens later.
 */
export class ConnectButton extends Component {
    static template = "saas_portal.ConnectButton";
    static props = standardWidgetProps;

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
    }

    async onClick() {
        const { record } = this.props;
        const tab = window.open("", "_blank");
        if (tab) {
            // The client must not get hold of the portal's window.
            tab.opener = null;
        }
        try {
            if (!(await record.save())) {
                tab?.close();
                return;
            }
            const link = await this.orm.call(record.resModel, "action_connect", [[record.resId]]);
            if (tab) {
                tab.location = new URL(link.url, window.location.origin);
            } else {
                await this.action.doAction({ ...link, target: "self" });
            }
        } catch (error) {
            tab?.close();
            throw error;
        }
        await this.action.doAction({ type: "ir.actions.act_window_close" });
    }
}

registry.category("view_widgets").add("saas_connect_button", { component: ConnectButton });
