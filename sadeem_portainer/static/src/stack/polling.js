import { onMounted, onWillUnmount } from "@odoo/owl";

/**
 * Calls `work` now and again and again, `pause` milliseconds after it ended, while the component is
 * there and its tab is looked at. What fails is left to `work` to show.
 */
export function usePolling(work, pause) {
    let timer;
    let gone = false;
    const tick = async () => {
        if (!document.hidden) {
            await work();
        }
        if (!gone) {
            timer = setTimeout(tick, pause);
        }
    };
    onMounted(tick);
    onWillUnmount(() => {
        gone = true;
        clearTimeout(timer);
    });
}

/** What a failed call has to tell a user. */
export function messageOf(error) {
    return error.data?.message || error.message || String(error);
}
