import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { SmallGraph } from "./graph";
import { messageOf, usePolling } from "./polling";

const MODEL = "sadeem.portainer.stack";
const POLL_MS = 3000;
/** Five minutes of points. */
const ROOM = 60;
const ACTIONS = {
    running: [
        ["restart", "fa-refresh", _t("Restart")],
        ["stop", "fa-stop", _t("Stop")],
        ["pause", "fa-pause", _t("Pause")],
    ],
    paused: [["unpause", "fa-play", _t("Go On")]],
};
const START = [["start", "fa-play", _t("Start")]];

/** The containers of a stack as they are, with CPU and memory of the last minutes. */
export class StackContainers extends Component {
    static template = "sadeem_portainer.StackContainers";
    static components = { SmallGraph };
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.notification = useService("notification");
        this.room = ROOM;
        this.state = useState({
            containers: this.props.record.data.containers || [],
            history: {},
            error: "",
            busy: "",
        });
        usePolling(() => this.poll(), POLL_MS);
    }

    call(method, ...args) {
        return this.orm.silent.call(MODEL, method, [[this.props.record.resId], ...args]);
    }

    async poll() {
        if (!this.props.record.resId) {
            return;
        }
        try {
            const { containers } = await this.call("get_live_containers");
            this.state.containers = containers;
            this.state.error = "";
            const running = containers.filter((container) => container.state === "running");
            await Promise.all(running.map((container) => this.measure(container)));
        } catch (error) {
            this.state.error = messageOf(error);
        }
    }

    async measure(container) {
        const stats = await this.call("get_container_stats", container.id);
        const points = this.state.history[container.id] || [];
        this.state.history[container.id] = [...points, stats].slice(-ROOM);
    }

    points(container, name) {
        return (this.state.history[container.id] || []).map((stats) => stats[name]);
    }

    last(container) {
        return (this.state.history[container.id] || []).at(-1);
    }

    badge(container) {
        if (container.health === "unhealthy") {
            return "text-bg-danger";
        }
        return (
            { running: "text-bg-success", paused: "text-bg-warning", exited: "text-bg-secondary" }[
                container.state
            ] || "text-bg-info"
        );
    }

    ports(container) {
        return container.ports.map((port) => `${port.host_port} → ${port.container_port}`).join(", ");
    }

    megabytes(bytes) {
        const megabytes = bytes / 1024 ** 2;
        return megabytes >= 1024
            ? `${(megabytes / 1024).toFixed(1)} GB`
            : `${megabytes.toFixed(megabytes < 10 ? 1 : 0)} MB`;
    }

    actions(container) {
        return ACTIONS[container.state] || START;
    }

    async act(container, action) {
        this.state.busy = container.id;
        try {
            await this.call("act_on_container", container.id, action);
            const { containers } = await this.call("get_live_containers");
            this.state.containers = containers;
        } catch (error) {
            this.notification.add(messageOf(error), { type: "danger" });
        }
        this.state.busy = "";
    }
}

registry.category("view_widgets").add("sadeem_stack_containers", {
    component: StackContainers,
    fieldDependencies: [{ name: "containers", type: "json" }],
});
