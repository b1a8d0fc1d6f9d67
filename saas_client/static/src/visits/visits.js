import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { session } from "@web/session";

/** Lets the owner of the database read who of the provider has been here, when and why. */
function visitsItem(env) {
    return {
        type: "item",
        id: "saas_visits",
        description: _t("Visits by Your Provider"),
        callback: () => env.services.action.doAction("saas_client.saas_client_connection_action"),
        show: () => session.saas_sees_visits,
        sequence: 55,
    };
}

registry.category("user_menuitems").add("saas_visits", visitsItem);
