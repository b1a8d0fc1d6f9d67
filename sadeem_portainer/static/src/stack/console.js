import { Component, useEffect, useRef, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { containersOf, messageOf } from "./polling";

/** Runs one command after the other in a container; no shell is in between. */
export class StackConsole extends Component {
    static template = "sadeem_portainer.StackConsole";
    static props = { ...standardWidgetProps, containersField: String };

    setup() {
        this.orm = useService("orm");
        this.screen = useRef("screen");
        this.input = useRef("input");
        this.nextKey = 1;
        this.state = useState({
            container: this.running[0]?.name || "",
            command: "",
            entries: [],
            // Counts back from the newest command; 0 is the one being typed.
            place: 0,
            running: false,
        });
        useEffect(
            (element) => {
                if (element) {
                    element.scrollTop = element.scrollHeight;
                }
            },
            () => [this.screen.el, this.state.entries.length, this.state.running]
        );
    }

    get running() {
        const containers = this.props.record.data[this.props.containersField] || [];
        return containers.filter((container) => container.state === "running");
    }

    onKeydown(ev) {
        if (ev.key === "Enter") {
            ev.preventDefault();
            this.run();
        } else if (ev.key === "ArrowUp" || ev.key === "ArrowDown") {
            ev.preventDefault();
            this.recall(ev.key === "ArrowUp" ? 1 : -1);
        }
    }

    recall(step) {
        const commands = this.state.entries.map((entry) => entry.command);
        const place = Math.min(Math.max(this.state.place + step, 0), commands.length);
        this.state.place = place;
        this.state.command = place ? commands.at(-place) : "";
    }

    async run() {
        const { container, command } = this.state;
        if (!container || !command.trim() || this.state.running) {
            return;
        }
        const entry = { key: this.nextKey++, container, command, output: "", exitCode: false };
        this.state.running = true;
        this.state.place = 0;
        this.state.command = "";
        try {
            const { resModel, resId } = this.props.record;
            const result = await this.orm.silent.call(resModel, "run_command", [
                [resId],
                container,
                command,
            ]);
            entry.output = result.stdout;
            entry.error = result.stderr;
            entry.exitCode = result.exit_code;
            entry.truncated = result.truncated;
        } catch (error) {
            entry.error = messageOf(error);
            entry.failed = true;
        }
        this.state.entries.push(entry);
        this.state.running = false;
        this.input.el?.focus();
    }
}

registry.category("view_widgets").add("sadeem_stack_console", {
    component: StackConsole,
    ...containersOf,
});
