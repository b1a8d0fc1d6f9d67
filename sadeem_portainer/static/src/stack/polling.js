import { onMounted, onWillUnmount } from "@odoo/owl";

/**
 * Calls `work` now and again and again, `pause()` milliseconds after it ended, while the component
 * is there and its tab is looked at. What fails is left to `work` to show.
 *
 * @returns what calls it at once, and goes on from there
 */
export function usePolling(work, pause) {
    let timer;
    let gone = false;
    let working = false;
    const tick = async () => {
        clearTimeout(timer);
        if (working) {
            return;
        }
        working = true;
        if (!document.hidden) {
            await work();
        }
        working = false;
        if (!gone) {
            timer = setTimeout(tick, pause());
        }
    };
    onMounted(tick);
    onWillUnmount(() => {
        gone = true;
        clearTimeout(timer);
    });
    return tick;
}

/** What a failed call has to tell a user. */
export function messageOf(error) {
    return error.data?.message || error.message || String(error);
}

/**
 * How a record shows containers: a stack has them itself; another model names in the attribute
 * `containers_field` its field of them, and has the stack's methods of the same names.
 */
export const containersOf = {
    extractProps: ({ attrs }) => ({ containersField: attrs.containers_field || "containers" }),
    fieldDependencies: ({ attrs }) => [
        { name: attrs.containers_field || "containers", type: "json" },
    ],
};
