// One EventSource, and what a page wants to know of it: its state, its messages, its resets.

export class Subscription {
  #source;
  #options;
  #lastId = "";

  /**
   * url, names: what to subscribe to, and the event names to listen for beside "message".
   * onState(state, reason): "open", "reconnecting" or "closed"; a reason only for what the server refused.
   * onMessage(event, id): an event as EventSource made it, and its own id, if it brought a new one.
   * onReset(event, { reason, channel }): messages may be missing before this point.
   */
  constructor(options) {
    this.#options = options;
    this.#source = new EventSource(options.url);
    for (const name of new Set(["message", "reset", "open", "error", ...options.names])) {
      this.#source.addEventListener(name, (event) => this.#hear(event));
    }
  }

  close() {
    this.#source.close();
  }

  // A message may be named "open" or "error", after its channel: only its class tells it from EventSource's own event.
  #hear(event) {
    if (event instanceof MessageEvent) {
      const reset = event.type === "reset" ? parseReset(event.data) : null;
      if (reset) {
        this.#options.onReset(event, reset);
      } else {
        this.#options.onMessage(event, this.#newId(event));
      }
    } else if (event.type === "open") {
      this.#options.onState("open");
    } else if (event.type === "error") {
      this.#lose();
    }
  }

  // lastEventId stays what it was when an event has no id of its own.
  #newId(event) {
    if (event.lastEventId === this.#lastId) return "";
    this.#lastId = event.lastEventId;
    return this.#lastId;
  }

  async #lose() {
    if (this.#source.readyState === EventSource.CONNECTING) {
      this.#options.onState("reconnecting");
      return;
    }
    // EventSource gave up, and does not say why: ask once more.
    this.#options.onState("closed", "The server refused the subscription.");
    const reason = await refusal(this.#options.url);
    if (reason) this.#options.onState("closed", reason);
  }
}

function parseReset(data) {
  try {
    const reset = JSON.parse(data);
    return typeof reset?.reason === "string" ? reset : null;
  } catch {
    return null;
  }
}

async function refusal(url) {
  const abort = new AbortController();
  try {
    const answer = await fetch(url, { signal: abort.signal });
    return answer.ok ? "" : `${answer.status}: ${(await answer.text()).trim().slice(0, 300)}`;
  } catch {
    return "";
  } finally {
    abort.abort();
  }
}
