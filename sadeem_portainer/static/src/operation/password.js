import { Component, onWillStart, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { CopyButton } from "@web/core/copy_button/copy_button";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { messageOf } from "../stack/polling";

/** Takes the password of a new Portainer's administrator from the server and shows it, this once. */
export class PortainerPassword extends Component {
    static template = "sadeem_portainer.PortainerPassword";
    static components = { CopyButton };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ taken: false, error: "" });
        onWillStart(async () => {
            try {
                this.state.taken = await this.orm.call(
                    "sadeem.root.server",
                    "take_portainer_password",
                    [[this.props.action.params.root_server_id]]
                );
            } catch (error) {
                this.state.error = messageOf(error);
            }
        });
    }

    openPanel() {
        browser.open(this.state.taken.link, "_blank", "noopener");
    }

    close() {
        this.action.doAction({ type: "ir.actions.act_window_close" });
    }
}

registry.category("actions").add("sadeem_portainer.password", PortainerPassword);
