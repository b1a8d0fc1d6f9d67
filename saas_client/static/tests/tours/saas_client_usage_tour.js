import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("saas_client_usage_owner", {
    steps: () => [
        {
            content: "the provider's words stand above the page",
            trigger: ".o_saas_notice:contains('The price list changes in January.')",
        },
        {
            content: "the sign is red, because no user can be added",
            trigger: ".o_saas_usage[data-level=full]",
            run: "click",
        },
        {
            trigger: ".o_saas_usage_summary [data-meter=users]:contains('Full')",
        },
        {
            trigger: ".o_saas_usage_summary [data-meter=storage]:contains('of 100000 MB')",
        },
        {
            trigger: ".o_saas_usage_summary .o_saas_expiry:contains('Trial ends in 3 days')",
        },
        {
            trigger: ".o_saas_usage_summary button:contains('Details')",
            run: "click",
        },
        {
            trigger: ".o_saas_usage_page h2:contains('Gold')",
        },
        {
            trigger: ".o_saas_usage_page .alert-danger:contains('Nothing more can be added')",
        },
        {
            trigger:
                ".o_saas_usage_page a[href='https://portal.example.com/my']:contains('Manage')",
        },
    ],
});

registry.category("web_tour.tours").add("saas_client_usage_nearly_full", {
    steps: () => [
        {
            content: "the sign is yellow, because four of five places are taken",
            trigger: ".o_saas_usage[data-level=warning] .o_saas_usage_badge",
            run: "click",
        },
        {
            trigger: ".o_saas_usage_summary [data-meter=users]:contains('Nearly full')",
        },
        {
            trigger: ".o_saas_usage_summary button:contains('Details')",
            run: "click",
        },
        {
            trigger: ".o_saas_usage_page .alert-warning:contains('close to a limit')",
        },
    ],
});

registry.category("web_tour.tours").add("saas_client_usage_full", {
    steps: () => [
        {
            trigger: ".o_saas_usage[data-level=full] .o_saas_usage_badge",
            run: "click",
        },
        {
            trigger: ".o_saas_usage_summary [data-meter=users]:contains('Full')",
        },
    ],
});

registry.category("web_tour.tours").add("saas_client_usage_employee", {
    steps: () => [
        {
            trigger: ".o_saas_usage[data-level=fine]",
            run: "click",
        },
        {
            trigger: ".o_saas_usage_summary button:contains('Details')",
            run: "click",
        },
        {
            trigger: ".o_saas_usage_page [data-meter=users]",
        },
        {
            trigger: ".o_saas_usage_page:not(:has(a:contains('Manage')))",
        },
        {
            trigger: "body:not(:has(.o_saas_notice))",
        },
    ],
});

registry.category("web_tour.tours").add("saas_client_read_only", {
    steps: () => [
        {
            trigger: ".o_saas_notice:contains('Read-only')",
        },
        {
            trigger: ".o_user_menu button",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu=preferences]",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name=email] input",
            run: "edit other@example.com",
        },
        {
            trigger: ".o_form_button_save, button[name=preference_save]",
            run: "click",
        },
        {
            trigger: ".modal:contains('This database is read-only') button:contains('Close')",
            run: "click",
        },
        {
            trigger: ".modal-footer button:contains('Discard')",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
    ],
});
