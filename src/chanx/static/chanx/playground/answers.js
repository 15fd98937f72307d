// What a server says of a connection: who is known, and what went wrong.

const LONGEST_STATUS = 100;
const LONGEST_DETAIL = 1_000;

/**
 * Returns what an authentication message says; null: it is none.
 *
 * @param {string} text
 * @param {import("./secrets.js").Secrets} secrets
 * @returns {import("./notice.js").AuthResult | null}
 */
export function readAuth(text, secrets) {
  const payload = readPayload(text);
  // With CAMELIZE the names are others.
  const status = payload?.status_code ?? payload?.statusCode;
  if (typeof status !== "number") return null;
  const detail = payload.data?.detail;
  return {
    status,
    text: secrets.mask(String(payload.status_text ?? payload.statusText ?? "")).slice(0, LONGEST_STATUS),
    detail: secrets.mask(typeof detail === "string" ? detail : "").slice(0, LONGEST_DETAIL),
  };
}

/**
 * @param {string} text Of an authentication message, or of what begins like one.
 * @returns {any}
 */
function readPayload(text) {
  try {
    return JSON.parse(text)?.payload;
  } catch {
    return null;
  }
}

/**
 * Returns what an error message says, in short.
 *
 * @param {string} text With no token in it.
 */
export function describeError(text) {
  const payload = readPayload(text) ?? "";
  const all = Array.isArray(payload) ? payload : [payload];
  const words = all.map((each) => {
    if (typeof each?.msg !== "string") return typeof each === "string" ? each : JSON.stringify(each);
    const place = Array.isArray(each.loc) ? each.loc.join(".") : "";
    return place ? `${place}: ${each.msg}` : each.msg;
  });
  return words.join("; ").slice(0, LONGEST_DETAIL);
}
