const scheme = location.protocol === "https:" ? "wss" : "ws";
const socket = new WebSocket(`${scheme}://${location.host}/ws/lobby/`);

socket.onmessage = (event) => {
  const { action, payload } = JSON.parse(event.data);
  if (action === "authentication" && payload.status_code === 200) {
    socket.send(JSON.stringify({ action: "say", payload: "Hello" }));
  } else {
    console.log(action, payload); // said {author: "alice", text: "Hello"}
  }
};
socket.onclose = (event) => console.log("closed", event.code);
