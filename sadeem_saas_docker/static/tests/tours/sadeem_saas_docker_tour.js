import { registry } from "@web/core/registry";

const tab = (name) => ({ trigger: `.o_notebook .nav-link:contains(/^${name}$/)`, run: "click" });

/** Looks at a client's stack on every page and changes a setting: an error dialog ends the tour. */
registry.category("web_tour.tours").add("sadeem_saas_docker_client", {
    steps: () => [
        tab("Stack"),
        { trigger: "div[name='docker_environment_id']:contains('Tour Environment')" },
        { trigger: "div[name='docker_placement']:contains('it is the first in the order')" },
        tab("Containers"),
        {
            content: "the containers are measured, and not driven from here",
            trigger: ".o_portainer_container:contains('odoo'):contains('12.3 %'):not(:has(button))",
        },
        { trigger: "#o_portainer_interval", run: "select 10" },
        { trigger: ".o_portainer_container:contains('db'):contains('12.3 %')" },
        tab("Log"),
        { trigger: ".o_portainer_log pre:contains('line')" },
        { trigger: "#o_portainer_tail", run: "edit 1000" },
        { trigger: ".o_portainer_log button:contains('Refresh')", run: "click" },
        tab("Console"),
        { trigger: ".o_portainer_console input", run: "edit ls -l" },
        { trigger: ".o_portainer_console button:contains('Run')", run: "click" },
        { trigger: ".o_portainer_entry:contains('out'):contains('exit code 0')" },
        tab("Revisions"),
        { trigger: "div[name='docker_revision_ids'] td:contains('Creation')" },
        tab("Settings"),
        { trigger: "div[name='docker_workers'] input", run: "edit 2" },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved" },
        tab("Compose"),
        {
            content: "what would change is shown",
            trigger: "div[name='docker_difference']:contains('--workers=2')",
        },
        { trigger: "div[name='docker_compose']:contains('services:')" },
        tab("Stack"),
        { trigger: ".o_notebook .alert:contains('rebuild')" },
    ],
});

registry.category("web_tour.tours").add("sadeem_saas_docker_server", {
    steps: () => [
        tab("nginx"),
        { trigger: "div[name='docker_nginx']:contains('tour.localhost')" },
        { trigger: "button[name='action_download_docker_nginx']:contains('Download')" },
    ],
});

registry.category("web_tour.tours").add("sadeem_saas_docker_stack", {
    steps: () => [
        {
            trigger:
                ".o_form_view:contains('This is the stack of the client'):contains('tour.localhost')",
        },
        { trigger: ".o_form_view:not(:has(.o_statusbar_buttons button:contains('Stop')))" },
        tab("Compose File"),
        { trigger: "div[name='compose']:not(:has(textarea))" },
        { trigger: "button:contains('Open Client')", run: "click" },
        { trigger: ".o_form_view h1:contains('tour.localhost')" },
    ],
});

registry.category("web_tour.tours").add("sadeem_saas_docker_lists", {
    steps: () => [
        {
            content: "each deviation has the one button that is right for it",
            trigger:
                ".o_data_row:contains('Not Running'):contains('tour.localhost'):has(button[name='action_rebuild']):not(:has(button:contains('Remove')))",
        },
        {
            trigger:
                ".o_data_row:contains('Unknown to the Portal'):has(button:contains('Remove'))",
        },
        { trigger: ".o_menu_sections button:contains('Configuration')", run: "click" },
        { trigger: ".o-dropdown--menu a:contains('Places')", run: "click" },
        { trigger: ".o_group_header:contains('Tour Environment')", run: "click" },
        { trigger: ".o_data_row:contains('tour.localhost')" },
        { trigger: ".o_menu_sections button:contains('Configuration')", run: "click" },
        { trigger: ".o-dropdown--menu a:contains('PostgreSQL Servers')", run: "click" },
        { trigger: ".o_list_view .o_data_row td:contains('Tour Databases')", run: "click" },
        { trigger: ".o_form_view .alert:contains('Enter the administrator')" },
        { trigger: "button:contains('Test Connection')", run: "click" },
        { trigger: ".o_notification:contains('has no password')" },
    ],
});

registry.category("web_tour.tours").add("sadeem_saas_docker_plan", {
    steps: () => [
        tab("Docker"),
        { trigger: "div[name='docker_workers'] input", run: "edit 4" },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved" },
    ],
});
