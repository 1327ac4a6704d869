// Wires the page: what the form says becomes a subscription, what the subscription says becomes text.
// Nothing that came over the network is ever inserted as HTML: textContent only.

import { EventList } from "./event_list.js";
import { Subscription } from "./subscription.js";

const byId = (id) => document.getElementById(id);
const form = byId("subscription");
const list = new EventList(byId("events"), byId("empty"));
const counts = { events: 0, reconnects: 0, resets: 0 };

let redisCli = "redis-cli";
let subscription = null;
let state = "closed";
let stateSince = Date.now();

const explanations = {
  connecting: "Waiting for the answer, which comes once Redis has confirmed the subscription.",
  open: "Subscribed. What is published from now on appears here.",
  reconnecting: "The connection broke. The browser tries again by itself.",
  closed: "Not connected.",
};

function items(text) {
  return [...new Set(text.split(",").map((item) => item.trim()).filter(Boolean))];
}

function count(what) {
  counts[what] += 1;
  byId(`count-${what}`).textContent = counts[what].toLocaleString("en");
}

function showState(next, reason = "") {
  if (state === "reconnecting" && next === "open") count("reconnects");
  if (state !== next) stateSince = Date.now();
  state = next;
  byId("connection").dataset.state = next;
  byId("state").textContent = next;
  byId("disconnect").disabled = next === "closed";
  explain(reason || explanations[next], Boolean(reason));
  showDuration();
}

// The state itself is announced by the header; beside it only a fault is worth interrupting for.
function explain(text, isError) {
  const explanation = byId("explanation");
  explanation.role = isError ? "alert" : null;
  explanation.classList.toggle("error", isError);
  explanation.textContent = text;
}

function showDuration() {
  const seconds = Math.floor((Date.now() - stateSince) / 1000);
  const minutes = Math.floor(seconds / 60);
  const parts = minutes < 60 ? [minutes, seconds % 60] : [Math.floor(minutes / 60), minutes % 60, seconds % 60];
  byId("since").textContent = `for ${parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":")}`;
}

function showCommand() {
  const channel = items(form.elements.channels.value)[0] ?? "news";
  const name = items(form.elements.names.value)[0] ?? "deploy";
  const message = isJson() ? JSON.stringify({ event: name, id: "7", data: { version: "1.4" } }) : "hello";
  byId("command").textContent = `${redisCli} PUBLISH ${channel} '${message}'`;
}

function isJson() {
  return form.elements.form.value === "json";
}

function connect() {
  const channels = items(form.elements.channels.value);
  // nginx hands $arg_channels over as it stands in the URL, so only what needs no escaping there may stand in it.
  const wrong = channels.find((channel) => !/^[\w.:-]+$/.test(channel));
  const problem = wrong
    ? `“${wrong}”: this page takes letters, digits and . _ : - in a channel name.`
    : channels.length === 0 && "A channel is needed.";
  form.elements.channels.setAttribute("aria-invalid", String(Boolean(problem)));
  if (problem) {
    explain(problem, true);
    return;
  }

  subscription?.close();
  subscription = new Subscription({
    url: `${isJson() ? "events-json" : "events"}?channels=${channels.join(",")}`,
    names: isJson() ? [...channels, ...items(form.elements.names.value)] : channels,
    onState: showState,
    onMessage(event, id) {
      count("events");
      list.add(event, id);
    },
    onReset(event, reset) {
      count("resets");
      list.addReset(event, reset);
    },
  });
  showState("connecting");
  rememberInAddress(channels);
}

// A reload, or the address given to somebody else, shows the same channels.
function rememberInAddress(channels) {
  const query = new URLSearchParams({ channels: channels.join(",") });
  if (isJson()) {
    query.set("form", "json");
    query.set("names", items(form.elements.names.value).join(","));
  }
  history.replaceState(null, "", `?${query.toString().replaceAll("%2C", ",")}`);
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  for (const name of ["channels", "form", "names"]) {
    if (query.get(name)) form.elements[name].value = query.get(name);
  }
}

function showForm() {
  byId("names-field").hidden = !isJson();
  showCommand();
}

async function copyCommand() {
  const command = byId("command");
  try {
    await navigator.clipboard.writeText(command.textContent);
  } catch {
    // The clipboard is for secure origins: over plain HTTP from another machine, the old way.
    getSelection().selectAllChildren(command);
    if (!document.execCommand("copy")) return;
    getSelection().removeAllRanges();
  }
  byId("copy").textContent = "Copied";
  byId("copied").textContent = "The command was copied.";
  setTimeout(() => {
    byId("copy").textContent = "Copy";
    byId("copied").textContent = "";
  }, 1500);
}

async function learnRedisCli() {
  const answer = await fetch("demo.json");
  if (answer.ok) redisCli = (await answer.json()).redis_cli;
  showCommand();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  connect();
});
form.addEventListener("input", showForm);
byId("disconnect").addEventListener("click", () => {
  subscription?.close();
  showState("closed");
});
byId("clear").addEventListener("click", () => list.clear());
byId("copy").addEventListener("click", copyCommand);
setInterval(showDuration, 1000);

readAddress();
showForm();
connect();
learnRedisCli();
