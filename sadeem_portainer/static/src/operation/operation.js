import { Component, onMounted, onPatched, onWillUnmount, useEffect, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { messageOf } from "../stack/polling";

const MODEL = "sadeem.root.server.operation";
const OPEN_STATES = ["pending", "running"];
/** Milliseconds between two looks while something is done, and while somebody else may begin. */
const SOON = 1000;
const LATER = 10000;
/** Of the output, this many characters are shown. */
const SHOWN = 100000;

const ICONS = {
    pending: "fa-circle-o text-muted",
    running: "fa-cog fa-spin text-info",
    done: "fa-check-circle text-success",
    failed: "fa-times-circle text-danger",
    cancelled: "fa-ban text-muted",
};

/**
 * Steps, progress and output of an operation, as they happen. On a root server it is the last
 * operation, whoever asked for it; the form is read again when it has ended.
 */
export class Operation extends Component {
    static template = "sadeem_portainer.Operation";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.output = useRef("output");
        this.state = useState({ operation: false, output: "", unfolded: false, error: "" });
        this.lastPiece = 0;
        this.seen = this.present;
        onMounted(() => this.tick());
        // A button of the form has begun something, or the form shows another record.
        onPatched(() => {
            if (this.seen !== this.present) {
                this.seen = this.present;
                this.tick();
            }
        });
        onWillUnmount(() => {
            this.gone = true;
            clearTimeout(this.timer);
        });
        useEffect(
            (element) => {
                if (element && this.follows) {
                    element.scrollTop = element.scrollHeight;
                }
            },
            () => [this.output.el, this.state.output]
        );
        this.follows = true;
    }

    get present() {
        const { record } = this.props;
        return `${record.resId}/${record.data.operation_id?.id}`;
    }

    get isOpen() {
        return OPEN_STATES.includes(this.state.operation?.state);
    }

    get title() {
        const { state, name } = this.state.operation;
        return {
            pending: _t("%s: waiting", name),
            running: _t("%s: running", name),
            done: _t("%s: done", name),
            failed: _t("%s: failed", name),
            cancelled: _t("%s: cancelled", name),
        }[state];
    }

    get color() {
        return { done: "success", failed: "danger", cancelled: "secondary" }[
            this.state.operation.state
        ] || "info";
    }

    icon(step) {
        return ICONS[step.state];
    }

    duration(seconds) {
        return seconds < 60 ? _t("%s s", seconds) : _t("%(minutes)s min %(seconds)s s", {
            minutes: Math.floor(seconds / 60),
            seconds: seconds % 60,
        });
    }

    onScroll(ev) {
        const { scrollTop, scrollHeight, clientHeight } = ev.target;
        this.follows = scrollHeight - scrollTop - clientHeight < 30;
    }

    async tick() {
        clearTimeout(this.timer);
        if (!document.hidden) {
            await this.look();
        }
        if (!this.gone) {
            clearTimeout(this.timer);
            this.timer = setTimeout(() => this.tick(), this.isOpen ? SOON : LATER);
        }
    }

    async look() {
        const { record } = this.props;
        if (!record.resId || this.looking) {
            return;
        }
        this.looking = true;
        const seen = this.present;
        try {
            const operation = await this.read(record);
            if (!this.gone && seen === this.present) {
                await this.show(operation, record);
            }
            this.state.error = "";
        } catch (error) {
            this.state.error = messageOf(error);
        } finally {
            this.looking = false;
        }
    }

    read({ resModel, resId }) {
        if (resModel === MODEL) {
            return this.orm.silent.call(MODEL, "get_progress", [[resId], this.lastPiece]);
        }
        return this.orm.silent.call(resModel, "get_progress", [
            [resId],
            this.state.operation?.id || 0,
            this.lastPiece,
        ]);
    }

    async show(operation, record) {
        const wasOpen = this.isOpen;
        const isNew = operation.id !== this.state.operation?.id;
        if (isNew) {
            this.state.output = "";
            this.lastPiece = 0;
        }
        for (const piece of operation.output || []) {
            this.state.output = (this.state.output + piece.text).slice(-SHOWN);
            this.lastPiece = piece.id;
        }
        this.state.operation = operation.id ? operation : false;
        this.state.unfolded = this.isOpen || (!isNew && this.state.unfolded);
        if (wasOpen && !this.isOpen && !(await record.isDirty())) {
            await record.model.root.load();
        }
    }

    async act(method) {
        await this.orm.call(MODEL, method, [[this.state.operation.id]]);
        await this.props.record.model.root.load();
        await this.tick();
    }
}

registry.category("view_widgets").add("sadeem_operation", { component: Operation });
