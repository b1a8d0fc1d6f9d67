import { reactive } from "@odoo/owl";
import { deserializeDateTime, formatDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { session } from "@web/session";

const LEVELS = ["fine", "warning", "full"];

/** "4 of 5", "430 of 500 MB" */
export function describeMeter(meter) {
    return _t("%(used)s of %(limit)s", {
        used: meter.used,
        limit: `${meter.limit} ${meter.unit}`.trim(),
    });
}

/** "Trial ends in 3 days", or nothing while the end is not near */
export function describeExpiry(usage) {
    const { expiry, trial } = usage;
    if (!expiry) {
        return "";
    }
    if (expiry.days === 0) {
        return trial ? _t("Trial has ended") : _t("Subscription has ended");
    }
    if (expiry.days === 1) {
        return trial ? _t("Trial ends in 1 day") : _t("Subscription ends in 1 day");
    }
    return trial
        ? _t("Trial ends in %s days", expiry.days)
        : _t("Subscription ends in %s days", expiry.days);
}

export function describeExpiryDate(usage) {
    return usage.expiry ? formatDate(deserializeDateTime(usage.expiry.date)) : "";
}

/** The worst of all levels: what the icon in the top bar shows. */
export function worstLevel(usage) {
    const levels = usage.meters.concat(usage.records).map((meter) => meter.level);
    if (usage.expiry) {
        levels.push(usage.expiry.level);
    }
    if (usage.rung === "read_only") {
        levels.push("full");
    }
    return LEVELS[Math.max(0, ...levels.map((level) => LEVELS.indexOf(level)))];
}

/** How much of the plan is used, as the server last said. */
export const usageService = {
    dependencies: ["orm"],
    start(env, { orm }) {
        const state = reactive({ usage: session.saas || null });
        async function load() {
            state.usage = await orm.silent.call("saas_client.status", "get_usage", []);
        }
        return { state, load };
    },
};

registry.category("services").add("saas_client.usage", usageService);
