import { registry } from "@web/core/registry";

/** Has the next look at the operation fail, as when the portal is being restarted. */
function loseNextRead() {
    const { open, send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, url, ...options) {
        this.asked = url;
        return open.call(this, method, url, ...options);
    };
    XMLHttpRequest.prototype.send = function (...body) {
        if (!this.asked.includes("saas_portal.operation/read")) {
            return send.apply(this, body);
        }
        Object.assign(XMLHttpRequest.prototype, { open, send });
        document.body.dataset.readLost = "1";
        this.dispatchEvent(new ProgressEvent("error"));
    };
}

/** Opens every screen once and configures a client: an error dialog anywhere ends the tour. */
registry.category("web_tour.tours").add("saas_portal_screens", {
    steps: () => [
        {
            content: "the clients are listed",
            trigger: ".o_list_view td[name='name']:contains('tour.localhost')",
        },
        { trigger: ".o_switch_view.o_kanban", run: "click" },
        {
            content: "the card shows users and limit",
            trigger: ".o_kanban_record:contains('tour.localhost'):contains('2 of 5')",
            run: "click",
        },
        { trigger: ".o_form_view .o_statusbar_status button.o_arrow_button_current:contains('Open')" },
        { trigger: ".o_statusbar_buttons button:contains('Configure')", run: "click" },
        { trigger: ".modal .o_notebook a:contains('Limits and State')" },
        { trigger: ".modal .o_notebook a:contains('Apps')", run: "click" },
        { trigger: ".modal div[name='install_addons'] input" },
        { trigger: ".modal footer button:contains('Discard')", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_statusbar_buttons button:contains('Rename')", run: "click" },
        { trigger: ".modal div[name='name'] input" },
        { trigger: ".modal footer button:contains('Discard')", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_statusbar_buttons button:contains('Delete')", run: "click" },
        { trigger: ".modal strong:contains('tour.localhost')" },
        { trigger: ".modal footer button:contains('Keep')", run: "click" },
        { trigger: "body:not(:has(.modal)) .oe_stat_button:contains('Operations')", run: "click" },
        { trigger: ".o_list_view td:contains('Configure tour.localhost')", run: "click" },
        { trigger: ".o_form_view td:contains('Apply the changes')" },
        { trigger: ".o_menu_sections a:contains('Plans'), .o_menu_sections button:contains('Plans')", run: "click" },
        { trigger: ".o_list_view td:contains('Tour Plan')", run: "click" },
        { trigger: ".o_statusbar_buttons button:contains('Create Client')", run: "click" },
        { trigger: ".modal div[name='owner_password'] input[type='password']" },
        { trigger: ".modal footer button:contains('Discard')", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_menu_sections button:contains('Configuration')", run: "click" },
        { trigger: ".dropdown-item:contains('Servers')", run: "click" },
        { trigger: ".o_list_view td:contains('This Server')", run: "click" },
        { trigger: ".o_statusbar_buttons button:contains('Check')" },
        { trigger: ".o_menu_sections button:contains('Configuration')", run: "click" },
        { trigger: ".dropdown-item:contains('Templates')", run: "click" },
        { trigger: ".o_list_view td:contains('template-tour')", run: "click" },
        { trigger: ".o_form_view .o_statusbar_status" },
    ],
});

/** The form of a client that is being built shows the step, and follows when it is done. */
registry.category("web_tour.tours").add("saas_portal_progress", {
    steps: () => [
        { trigger: ".o_saas_operation_progress .o_saas_operation_step:contains('Copy the template')" },
        { trigger: ".o_saas_operation_progress:contains('0 %')" },
        {
            content: "the portal cannot be reached for a moment",
            trigger: ".o_form_view",
            run: loseNextRead,
        },
        {
            content: "somebody else's operation ends meanwhile",
            trigger: "body[data-read-lost] .o_form_view",
            run: async () => {
                const { orm } = odoo.__WOWL_DEBUG__.root.env.services;
                const [id] = await orm.search("saas_portal.operation", [["state", "=", "running"]]);
                await orm.call("saas_portal.operation", "action_cancel", [[id]]);
            },
        },
        { trigger: "body:not(:has(.o_saas_operation_progress)) .o_form_view" },
        { trigger: ".o_statusbar_status button.o_arrow_button_current:contains('Broken')" },
    ],
});
