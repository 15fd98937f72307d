const scheme = location.protocol === "https:" ? "wss" : "ws";

async function getToken() {
  const response = await fetch("/api/token/refresh/", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refresh: sessionStorage.getItem("refresh") }),
  });
  if (!response.ok) throw new Error(`No token: ${response.status}`);
  const { access, refresh } = await response.json();
  if (refresh) sessionStorage.setItem("refresh", refresh); // with ROTATE_REFRESH_TOKENS
  return access;
}

// base64url without padding: of all that a token may have in it, a subprotocol takes only this.
const encode = (token) => btoa(token).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const token = await getToken();
const socket = new WebSocket(`${scheme}://${location.host}/ws/notifications/`, [
  "chanx",
  `chanx.bearer.${encode(token)}`,
]);

let timer;

// Half a minute before the token expires, get another one and send it.
function renewInTime(token) {
  const claims = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
  const { exp } = JSON.parse(atob(claims));
  // Not in a hurry for a token that lives for seconds, and timers count no further than 24 days.
  const wait = Math.min(Math.max(exp * 1000 - Date.now() - 30_000, 1_000), 2 ** 31 - 1);
  timer = setTimeout(async () => {
    try {
      const fresh = await getToken();
      socket.send(JSON.stringify({ action: "authenticate", payload: { token: fresh } }));
      renewInTime(fresh);
    } catch (error) {
      console.log(error.message); // the socket lives until the token expires: log in again
    }
  }, wait);
}

renewInTime(token);

socket.onmessage = (event) => {
  const { action, payload } = JSON.parse(event.data);
  console.log(action, action === "authentication" ? payload.status_code : payload);
};
socket.onclose = (event) => {
  clearTimeout(timer);
  console.log("closed", event.code);
};
