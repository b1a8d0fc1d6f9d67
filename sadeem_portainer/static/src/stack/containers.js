import { Component, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { SmallGraph } from "./graph";
import { containersOf, messageOf, usePolling } from "./polling";

/** Seconds between two looks: what may be chosen, and what it is until then. */
const INTERVALS = [5, 10, 30, 60];
const FIRST_INTERVAL = 30;
const KEPT_INTERVAL = "sadeem_portainer.interval";
/** So many points are kept. */
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
/** A swarm starts and stops its containers itself. */
const OF_A_SWARM = [["restart", "fa-refresh", _t("Restart")]];

/**
 * The containers of a stack as they are, with CPU and memory of the last minutes. The attribute
 * `look_only` leaves out the buttons.
 */
export class StackContainers extends Component {
    static template = "sadeem_portainer.StackContainers";
    static components = { SmallGraph };
    static props = { ...standardWidgetProps, containersField: String, lookOnly: Boolean };

    setup() {
        this.orm = useService("orm");
        this.notification = useService("notification");
        this.room = ROOM;
        this.intervals = INTERVALS;
        const kept = Number(browser.localStorage.getItem(KEPT_INTERVAL));
        this.state = useState({
            containers: this.props.record.data[this.props.containersField] || [],
            interval: INTERVALS.includes(kept) ? kept : FIRST_INTERVAL,
            history: {},
            error: "",
            busy: "",
        });
        this.tick = usePolling(
            () => this.poll(),
            () => this.state.interval * 1000
        );
    }

    /** Points of two intervals in one graph would tell a wrong time. */
    changeInterval() {
        browser.localStorage.setItem(KEPT_INTERVAL, this.state.interval);
        this.state.history = {};
        this.tick();
    }

    call(method, ...args) {
        const { resModel, resId } = this.props.record;
        return this.orm.silent.call(resModel, method, [[resId], ...args]);
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
        if (this.props.lookOnly) {
            return [];
        }
        if (container.is_task) {
            return OF_A_SWARM;
        }
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
    ...containersOf,
    extractProps: (node) => ({
        ...containersOf.extractProps(node),
        lookOnly: Boolean(node.attrs.look_only),
    }),
});
