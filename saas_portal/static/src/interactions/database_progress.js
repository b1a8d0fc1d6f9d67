import { Interaction } from "@web/public/interaction";
import { registry } from "@web/core/registry";

const POLL_MS = 1500;
const MIN_PERCENT = 5;
const ICONS = { done: "fa-check text-success", running: "fa-circle-o-notch fa-spin" };

/** Follows an operation on a database; goes into the database when it was built. */
export class SaasDatabaseProgress extends Interaction {
    static selector = ".o_saas_database_progress";

    start() {
        this.poll();
    }

    async poll() {
        let progress;
        try {
            const response = await this.waitFor(fetch(this.el.dataset.url));
            progress = response.ok && (await this.waitFor(response.json()));
        } catch {
            // The portal is being restarted, or the network is away: it will be back.
        }
        if (progress && !progress.busy) {
            const { openUrl } = this.el.dataset;
            if (openUrl && progress.state === "open") {
                window.location.assign(openUrl);
            } else {
                window.location.reload();
            }
            return;
        }
        if (progress) {
            this.show(progress);
        }
        this.waitForTimeout(() => this.poll(), POLL_MS);
    }

    show(progress) {
        const percent = Math.max(progress.progress, MIN_PERCENT);
        this.el.querySelector(".progress-bar").style.width = `${percent}%`;
        this.el.querySelector(".progress").setAttribute("aria-valuenow", progress.progress);
        const items = this.el.querySelectorAll("li");
        progress.steps.forEach((step, index) => {
            const item = items[index];
            if (item && item.dataset.state !== step.state) {
                item.dataset.state = step.state;
                const icon = ICONS[step.state] || "fa-circle-o text-muted";
                item.querySelector("i").className = `fa fa-fw me-1 ${icon}`;
            }
        });
    }
}

registry.category("public.interactions").add("saas_portal.database_progress", SaasDatabaseProgress);
