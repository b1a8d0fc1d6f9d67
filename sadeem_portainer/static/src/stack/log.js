import { Component, onMounted, useEffect, useRef, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { containersOf, messageOf } from "./polling";

/** The last lines that a container of the stack wrote. */
export class StackLog extends Component {
    static template = "sadeem_portainer.StackLog";
    static props = { ...standardWidgetProps, containersField: String };

    setup() {
        this.orm = useService("orm");
        this.text = useRef("text");
        this.state = useState({
            container: this.containers[0]?.name || "",
            tail: 100,
            log: "",
            error: "",
            reading: false,
        });
        onMounted(() => this.read());
        useEffect(
            (element) => {
                if (element) {
                    element.scrollTop = element.scrollHeight;
                }
            },
            () => [this.text.el, this.state.log]
        );
    }

    get containers() {
        return this.props.record.data[this.props.containersField] || [];
    }

    async read() {
        const { container, tail } = this.state;
        if (!container) {
            return;
        }
        this.state.reading = true;
        try {
            const { resModel, resId } = this.props.record;
            const answer = await this.orm.silent.call(resModel, "get_container_log", [
                [resId],
                container,
                tail,
            ]);
            this.state.log = answer.log;
            this.state.error = "";
        } catch (error) {
            this.state.error = messageOf(error);
        }
        this.state.reading = false;
    }
}

registry.category("view_widgets").add("sadeem_stack_log", {
    component: StackLog,
    ...containersOf,
});
