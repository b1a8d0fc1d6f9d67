import { Interaction } from "@web/public/interaction";
import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";

const PAUSE_MS = 400;
const MIN_LENGTH = 3;

/** Tells whether a name can be had while it is typed, and lets nobody create twice. */
export class SaasSignup extends Interaction {
    static selector = ".o_saas_signup";
    dynamicContent = {
        "input[data-check-url]": { "t-on-input": this.onInput },
        _root: { "t-on-submit": this.onSubmit },
    };

    setup() {
        this.input = this.el.querySelector("input[data-check-url]");
        this.check = this.debounced(this.askServer, PAUSE_MS);
    }

    start() {
        // What was typed before anybody listened, or came back with an error.
        if (this.input?.value) {
            this.onInput();
        }
    }

    onInput() {
        const name = this.input.value.trim().toLowerCase();
        this.input.classList.remove("is-valid", "is-invalid");
        if (name.length < MIN_LENGTH) {
            this.asked = undefined;
            return;
        }
        this.asked = name;
        this.show(_t("Looking …"), "");
        this.check(name);
    }

    async askServer(name) {
        if (name !== this.asked) {
            return;
        }
        const url = `${this.input.dataset.checkUrl}?name=${encodeURIComponent(name)}`;
        let answer;
        try {
            answer = await this.waitFor(fetch(url).then((response) => response.json()));
        } catch {
            // Without an answer the form says it after it was sent.
            answer = { message: "" };
        }
        if (name === this.asked) {
            const known = "available" in answer;
            this.show(answer.message, known ? (answer.available ? "is-valid" : "is-invalid") : "");
        }
    }

    show(message, state) {
        const text = this.el.querySelector("#saas_dbname_state");
        text.textContent = message;
        text.classList.toggle("text-success", state === "is-valid");
        text.classList.toggle("text-danger", state === "is-invalid");
        this.input.classList.remove("is-valid", "is-invalid");
        if (state) {
            this.input.classList.add(state);
        }
    }

    onSubmit() {
        // After the event: a disabled button would not send its form.
        setTimeout(() => {
            for (const button of this.el.querySelectorAll("button[type=submit]")) {
                button.disabled = true;
            }
        });
    }
}

registry.category("public.interactions").add("saas_portal.signup", SaasSignup);
