import { Component, onMounted, onWillStart, onWillUnmount, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { deserializeDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const MODEL = "sadeem.portainer.environment";
const REFRESH_MS = 30000;

/** A card for each environment, read from its server every 30 seconds. */
export class PortainerDashboard extends Component {
    static template = "sadeem_portainer.Dashboard";
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ cards: [], reading: false });
        onWillStart(() => this.load());
        onMounted(() => this.refresh());
        onWillUnmount(() => {
            this.gone = true;
            clearTimeout(this.timer);
        });
    }

    get total() {
        const sum = (name) => this.state.cards.reduce((total, card) => total + card[name], 0);
        return {
            environments: this.state.cards.length,
            unreachable: this.state.cards.filter((card) => this.isTroubled(card)).length,
            running: sum("running"),
            stacks: sum("stacks"),
            free: this.state.cards.reduce((total, card) => total + Math.max(card.available, 0), 0),
        };
    }

    async load() {
        this.state.cards = await this.orm.call(MODEL, "get_dashboard", []);
    }

    /** Cards are read one beside the other: one server that is slow holds up no other. */
    async refresh() {
        clearTimeout(this.timer);
        this.state.reading = true;
        try {
            // Environments may have come and gone.
            this.state.cards = await this.orm.silent.call(MODEL, "get_dashboard", []);
            await Promise.all(this.state.cards.map((card) => this.refreshCard(card.id)));
        } catch (error) {
            // A connection that is lost for a moment is no reason to stop; it is shown elsewhere.
            console.info("The dashboard could not be read", error);
        }
        this.state.reading = false;
        if (!this.gone) {
            this.timer = setTimeout(() => this.refresh(), REFRESH_MS);
        }
    }

    async refreshCard(id) {
        const fresh = await this.orm.silent.call(MODEL, "refresh_card", [[id]]);
        const index = this.state.cards.findIndex((card) => card.id === id);
        if (index >= 0) {
            this.state.cards[index] = fresh;
        }
    }

    isTroubled(card) {
        return ["down", "missing"].includes(card.connection);
    }

    badge(card) {
        if (this.isTroubled(card)) {
            return { label: card.connection_label, style: "text-bg-danger" };
        }
        if (card.connection === "unknown") {
            return { label: card.connection_label, style: "text-bg-secondary" };
        }
        return card.state === "over_capacity"
            ? { label: card.state_label, style: "text-bg-warning" }
            : { label: card.state_label, style: "text-bg-success" };
    }

    barStyle(card) {
        return card.used >= 100 ? "bg-danger" : card.used >= 80 ? "bg-warning" : "bg-success";
    }

    size(megabytes) {
        if (megabytes < 1024) {
            return megabytes ? `${megabytes} MB` : "–";
        }
        return `${(megabytes / 1024).toFixed(1)} GB`;
    }

    seen(card) {
        return card.last_seen ? deserializeDateTime(card.last_seen).toRelative() : _t("never");
    }

    open(card) {
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: MODEL,
            res_id: card.id,
            views: [[false, "form"]],
        });
    }

    openStacks(card) {
        this.action.doAction("sadeem_portainer.sadeem_portainer_stack_action", {
            additionalContext: { search_default_environment_id: card.id },
        });
    }

    openServers() {
        this.action.doAction("sadeem_portainer.sadeem_portainer_action");
    }
}

registry.category("actions").add("sadeem_portainer.dashboard", PortainerDashboard);
