const scheme = location.protocol === "https:" ? "wss" : "ws";
const socket = new WebSocket(`${scheme}://${location.host}/ws/lobby/`, ["chanx", "chanx.heartbeat"]);

let alarm;
function expectMessage() {
  clearTimeout(alarm);
  alarm = setTimeout(() => socket.close(4000), 90_000); // three intervals
}
socket.onopen = expectMessage;
socket.onmessage = (event) => {
  expectMessage();
  const { action } = JSON.parse(event.data);
  if (action === "ping") {
    socket.send(JSON.stringify({ action: "pong" }));
  }
  console.log(action);
};
socket.onclose = () => clearTimeout(alarm);
