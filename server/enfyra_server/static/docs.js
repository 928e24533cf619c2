// Shows the live OpenAPI document; nothing is loaded from or sent to any other host.
// What it shows depends on who asks: whoever logs in or out on the page gets it anew.
window.addEventListener("load", () => {
  let system;
  const bearer = () => system?.authSelectors.authorized()?.getIn(["bearer", "value"]);
  const anew = (original) => (...given) => {
    const before = bearer();
    const result = original(...given);
    if (bearer() !== before) system.specActions.download();
    return result;
  };
  const Reader = (loaded) => {
    system = loaded;
    return {
      statePlugins: {
        auth: { wrapActions: { authorize: anew, logout: anew, restoreAuthorization: anew } },
      },
    };
  };
  window.ui = SwaggerUIBundle({
    url: document.body.dataset.openapi,
    dom_id: "#swagger-ui",
    deepLinking: true,
    persistAuthorization: true,
    validatorUrl: null,
    docExpansion: "none",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [Reader],
    requestInterceptor: (request) => {
      const token = request.loadSpec && bearer();
      if (token) request.headers = { ...request.headers, Authorization: `Bearer ${token}` };
      return request;
    },
  });
});
