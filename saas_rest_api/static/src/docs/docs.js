/* Shows the description of the API; everything it loads comes from this server. */
"use strict";

window.addEventListener("DOMContentLoaded", () => {
    const place = document.getElementById("swagger-ui");
    window.ui = SwaggerUIBundle({
        url: place.dataset.url,
        dom_id: "#swagger-ui",
        deepLinking: true,
        docExpansion: place.dataset.chosen ? "list" : "none",
        filter: true,
        validatorUrl: null,
        queryConfigEnabled: false,
        persistAuthorization: false,
        requestInterceptor: (request) => {
            // What is tried out is done with the token that was entered, never with the session.
            request.credentials = request.loadSpec ? "same-origin" : "omit";
            return request;
        },
    });
    document.getElementById("models").addEventListener("change", (event) => {
        event.target.form.submit();
    });
});
