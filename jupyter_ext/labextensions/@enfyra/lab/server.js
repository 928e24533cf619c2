// Enfyra below the Jupyter Server that the page is from, asked with the page's own cookies. The panel only reads.

export class Trouble extends Error {
  constructor(status, { code = "", message = "", hint = "" } = {}) {
    super(message);
    Object.assign(this, { status, code, hint });
  }
}

export class Server {
  // ServerConnection is Lab's: it knows the address, and sends cookies, XSRF token and Jupyter's token as needed.
  constructor(ServerConnection, settings) {
    this.connection = ServerConnection;
    this.settings = settings;
    this.url = new URL("enfyra/", new URL(settings.baseUrl, location.href)).href;
  }

  get path() {
    return new URL(this.url).pathname;
  }

  // `quiet`: nobody has asked for it, so it is no sign that somebody is there.
  async get(path, parameters = {}, { quiet = false } = {}) {
    const url = new URL(path, this.url);
    for (const [name, value] of Object.entries(parameters)) {
      url.searchParams.set(name, typeof value === "string" ? value : JSON.stringify(value));
    }
    if (quiet) url.searchParams.set("no_track_activity", "1");
    let answer;
    try {
      // Without `cache`, Lab adds the time as a parameter, which Enfyra does not know.
      answer = await this.connection.makeRequest(url.href, { method: "GET", cache: "no-cache" }, this.settings);
    } catch (error) {
      throw new Trouble(0, { message: "The Jupyter Server does not answer", hint: error.message });
    }
    const body = await answer.json().catch(() => null);
    if (answer.ok && body?.data !== undefined) return body.data;
    if (answer.status === 401) throw new Trouble(401, this.#stranger());
    if (body?.error?.code) throw new Trouble(answer.status, body.error);
    if (answer.ok || answer.status === 404) throw new Trouble(404, this.#missing());
    throw new Trouble(answer.status, { message: `The Jupyter Server answers ${answer.status}` });
  }

  #stranger() {
    return {
      message: `You are nobody at ${this.path}`,
      hint: "A Jupyter Server that is attached to a central server needs ENFYRA_TOKEN for it, and on a server that "
        + "somebody shares with you, Enfyra stays his own",
    };
  }

  #missing() {
    return {
      message: `There is no Enfyra at ${this.path}`,
      hint: "In the environment of the Jupyter Server: pip install 'enfyra-kernel[jupyter]', then "
        + "jupyter server extension enable enfyra_jupyter, and start it again",
    };
  }
}

// What a person reads of an error.
export function textOf(error) {
  if (!(error instanceof Trouble)) return String(error);
  const head = error.code ? `${error.code}: ${error.message}` : error.message;
  return error.hint ? `${head.replace(/\.$/, "")}. ${error.hint}` : head;
}
