// Starts a flow.
const { request } = shared.part("requests");
return (flow, payload) => request("trigger", [flow, payload]);
