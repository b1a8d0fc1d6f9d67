import { Component, onMounted, onPatched, onWillUnmount, status, useState } from "@odoo/owl";
import { ConnectionLostError } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

const POLL_MS = 1500;
const OPEN_STATES = ["pending", "running"];

/**
 * Watches an operation while it is under way: spinner, present step and bar, without a reload by
 * hand. The form is read again when the operation has ended.
 *
 * `operation_field` names the many2one that points at the operation; without it the record of the
 * form is the operation itself, or an order to many clients, which has the same fields.
 */
export class OperationProgress extends Component {
    static template = "saas_portal.OperationProgress";
    static props = { ...standardWidgetProps, operationField: { type: String, optional: true } };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ id: false, name: "", step: "", progress: 0, open: false });
        onMounted(() => this.watch());
        onPatched(() => this.watch());
        onWillUnmount(() => this.stop());
    }

    get model() {
        return this.props.operationField ? "saas_portal.operation" : this.props.record.resModel;
    }

    get operationId() {
        const { record, operationField } = this.props;
        return operationField ? record.data[operationField]?.id : record.resId;
    }

    watch() {
        if (this.operationId !== this.state.id) {
            this.stop();
            this.state.id = this.operationId;
            this.state.open = false;
            this.poll();
        }
    }

    stop() {
        clearTimeout(this.timer);
    }

    async poll() {
        const id = this.state.id;
        if (!id) {
            return;
        }
        let operation;
        try {
            [operation] = await this.orm.silent.read(
                this.model,
                [id],
                ["display_name", "state", "progress", "current_step"]
            );
        } catch (error) {
            if (!(error instanceof ConnectionLostError)) {
                throw error;
            }
            // The portal is being restarted, or the network is away: it will be back.
            this.pollLater(id);
            return;
        }
        if (!operation || this.state.id !== id) {
            return;
        }
        const wasOpen = this.state.open;
        Object.assign(this.state, {
            name: operation.display_name,
            step: operation.current_step || "",
            progress: Math.round(operation.progress),
            open: OPEN_STATES.includes(operation.state),
        });
        if (this.state.open) {
            this.pollLater(id);
        } else if (wasOpen && !(await this.props.record.isDirty())) {
            await this.props.record.model.root.load();
        }
    }

    pollLater(id) {
        if (this.state.id === id && status(this) === "mounted") {
            this.timer = setTimeout(() => this.poll(), POLL_MS);
        }
    }

    openOperation() {
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: this.model,
            res_id: this.state.id,
            views: [[false, "form"]],
        });
    }
}

registry.category("view_widgets").add("saas_operation_progress", {
    component: OperationProgress,
    extractProps: ({ attrs }) => ({ operationField: attrs.operation_field }),
});
