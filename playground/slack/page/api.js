// Every request to the server, and the stream of events from it.

const ANSWER_WITHIN_MS = 10_000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

const WORDS = {
  account_inactive: "this person is deactivated; act as somebody else",
  action_not_found: "the page changed; try again",
  channel_not_found: "this channel does not exist any more",
  is_archived: "this channel is archived; choose another one",
  message_not_found: "the message is gone; reload the page",
  dispatch_failed: "the app cannot be reached",
  http_service_error: "the app failed",
  invalid_options: "the app’s suggestions make no sense",
  no_text: "there is no text",
  not_found: "it was closed meanwhile",
  not_in_channel: "this person is not in the channel; act as a member of it",
  operation_timeout: "the app did not answer within 3 s",
  thread_not_found: "the thread's first message is gone",
  user_not_found: "this person does not exist any more; act as somebody else",
};

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  } catch (cause) {
    const slow = cause.name === "TimeoutError";
    throw new Error(slow ? "the playground did not answer within 10 s" : "the playground cannot be reached", { cause });
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) {
    const reason = answer?.error ? inWords(answer.error) : `the playground answered ${response.status}`;
    throw Object.assign(new Error(reason), { status: response.status });
  }
  return answer;
}

/** A code of the stand-in Slack in words, or the text as it came. */
const inWords = (error) => (Object.hasOwn(WORDS, error) ? WORDS[error] : error);

const get = (path, query = {}) => request(`${path}?${new URLSearchParams(query)}`);

async function post(path, body) {
  const answer = await request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.ok === false) throw new Error(inWords(answer.error ?? "refused without a reason"));
  return answer;
}

export const api = {
  state: () => get("/page/state"),
  messages: (channel, as) => get("/page/messages", { channel, as }),
  replies: (channel, ts, as) => get("/page/replies", { channel, ts, as }),
  send: (body) => post("/page/send", body),
  click: (body) => post("/page/click", body),
  views: (as) => get("/page/views", { as }),
  view: (body) => post("/page/view", body),
  home: (as) => post("/page/home", { as }),
  world: () => get("/page/world"),
  breakArm: (body) => post("/page/world/break", body),
  alert: (body) => post("/page/world/alert", body),
};

/**
 * Follow /page/events for ever. `onEvent` gets each event; `onState` gets "open" (first time), "lost" and "back".
 * The browser's own reconnect gives up after an error answer, so a lost stream is always opened anew here.
 */
export function follow({ onEvent, onState }) {
  let failures = 0;
  let opened = false;
  const open = () => {
    const stream = new EventSource("/page/events");
    stream.onopen = () => {
      failures = 0;
      onState(opened ? "back" : "open");
      opened = true;
    };
    stream.onmessage = (event) => onEvent(JSON.parse(event.data));
    stream.onerror = () => {
      stream.close();
      onState("lost");
      setTimeout(open, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
      failures += 1;
    };
  };
  open();
}
