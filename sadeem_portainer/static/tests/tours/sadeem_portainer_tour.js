import { registry } from "@web/core/registry";

const menu = (name) => ({
    trigger: `body:not(:has(.modal)) .o_menu_sections a:contains('${name}')`,
    run: "click",
});
const tab = (name) => ({ trigger: `.o_notebook .nav-link:contains('${name}')`, run: "click" });

/** Opens every screen once and runs a command: an error dialog anywhere ends the tour. */
registry.category("web_tour.tours").add("sadeem_portainer_screens", {
    steps: () => [
        {
            content: "the card was read from the server",
            trigger:
                ".o_portainer_card:contains('Tour Environment'):contains('1 of 4'):contains('Normal')",
        },
        { trigger: ".o_portainer_card:contains('Tour Environment') .card-footer a", run: "click" },
        { trigger: ".o_list_view td:contains('tour-stack')", run: "click" },
        {
            content: "the container is measured",
            trigger: ".o_portainer_container:contains('tour-stack-web-1'):contains('12.3 %')",
        },
        { trigger: ".o_portainer_container svg.o_portainer_graph[aria-label='Memory']" },
        { trigger: ".o_portainer_container button[title='Stop']", run: "click" },
        { trigger: ".o_portainer_container .badge:contains('exited')" },
        { trigger: ".o_portainer_container button[title='Start']", run: "click" },
        { trigger: ".o_portainer_container .badge:contains('running')" },
        tab("Log"),
        { trigger: ".o_portainer_log pre:contains('line')" },
        tab("Console"),
        { trigger: ".o_portainer_console input", run: "edit ls -l" },
        { trigger: ".o_portainer_console button:contains('Run')", run: "click" },
        { trigger: ".o_portainer_entry:contains('out'):contains('exit code 0')" },
        tab("Variables"),
        { trigger: ".o_field_one2many td:contains('PASSWORD')" },
        tab("Compose File"),
        { trigger: ".o_field_widget[name='compose'] textarea" },
        { trigger: ".o_statusbar_buttons button:contains('Delete')", run: "click" },
        { trigger: ".modal:contains('tour-stack_data') div[name='confirmation'] input" },
        { trigger: ".modal footer button:contains('Keep')", run: "click" },
        menu("Environments"),
        { trigger: ".o_kanban_record:contains('Tour Environment')", run: "click" },
        { trigger: ".o_form_view div[name='subscription_domain']" },
        tab("Ports"),
        { trigger: ".o_form_view div[name='next_port'] input" },
        menu("Servers"),
        { trigger: ".o_list_view td:contains('Tour Server')", run: "click" },
        { trigger: ".o_statusbar_buttons button:contains('Reset to Draft')" },
        menu("Images"),
        { trigger: ".o_list_view td:contains('tour-image')", run: "click" },
        { trigger: ".o_statusbar_buttons button:contains('Where Next?')", run: "click" },
        { trigger: ".o_notification:contains('Tour Environment')" },
        menu("Root Servers"),
        { trigger: ".o_list_view td:contains('Tour Root')", run: "click" },
        { trigger: ".o_statusbar_buttons button:contains('Confirm')", run: "click" },
        {
            content: "the operation is shown without a reload, and waits for the scheduled action",
            trigger: ".o_root_operation[data-state='pending']:contains('Read the host key')",
        },
        { trigger: ".o_root_operation button:contains('Stop')", run: "click" },
        { trigger: ".o_root_operation[data-state='cancelled']" },
        tab("Operations"),
        { trigger: ".o_field_one2many[name='operation_ids'] td:contains('Cancelled')" },
        menu("Dashboard"),
        { trigger: ".o_portainer_card:contains('Tour Environment')" },
    ],
});
