function open(url, token) {
  const socket = new WebSocket(url);
  socket.onopen = () => {
    socket.send(JSON.stringify({ action: "authenticate", payload: { token } }));
  };
  socket.onmessage = (event) => {
    const { action, payload } = JSON.parse(event.data);
    console.log(action, action === "authentication" ? payload.status_code : payload);
  };
  socket.onclose = (event) => console.log("closed", event.code);
  return socket;
}
