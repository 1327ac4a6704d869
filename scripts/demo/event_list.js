// The list of events, newest first. Many events in one frame become one change of the page, and old ones leave it.

const kept = 200;

const resetReasons = {
  "broker-away": (channel) =>
    `The link to Redis was down. Messages of “${channel}” published meanwhile are gone; from here on it is live again.`,
  slow: (channel) => `This browser read too slowly and missed messages of “${channel}”; from here on it is live again.`,
};

export class EventList {
  #list;
  #empty;
  #waiting = [];

  /** list: the <ol> that gets the events; empty: the element shown while there are none. */
  constructor(list, empty) {
    this.#list = list;
    this.#empty = empty;
  }

  /** Shows a MessageEvent, and its id if it has one. */
  add(event, id) {
    this.#append(event.type, event.data, id, "event");
  }

  /** Shows a reset in words. */
  addReset(event, { reason, channel = "" }) {
    const text = resetReasons[reason]?.(channel) ?? `Messages may be missing (${event.data}).`;
    this.#append("reset", text, "", "event reset");
  }

  clear() {
    this.#waiting = [];
    this.#list.replaceChildren();
    this.#empty.hidden = false;
  }

  #append(name, data, id, classes) {
    if (this.#waiting.length === 0) requestAnimationFrame(() => this.#show());
    this.#waiting.push({ at: new Date(), name, data, id, classes });
    if (this.#waiting.length > kept) this.#waiting.shift();
  }

  #show() {
    this.#empty.hidden = this.#empty.hidden || this.#waiting.length > 0;
    this.#list.prepend(...this.#waiting.reverse().map(row));
    this.#waiting = [];
    while (this.#list.childElementCount > kept) this.#list.lastElementChild.remove();
  }
}

function row({ at, name, data, id, classes }) {
  const item = element("li", classes);
  const time = element("time", "", clock(at));
  time.dateTime = at.toISOString();
  item.append(time, element("span", "name", name), element("div", "data", data));
  if (id) item.append(element("span", "id", `id ${id}`));
  return item;
}

function element(tag, classes, text = "") {
  const made = document.createElement(tag);
  made.className = classes;
  made.textContent = text;
  return made;
}

function clock(at) {
  const two = (number) => String(number).padStart(2, "0");
  const milliseconds = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${milliseconds}`;
}
