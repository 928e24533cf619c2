// The sockets.
const { request, named } = shared.part("requests");
return named((name) => {
  if (!/^\w{1,64}$/.test(name)) throw new TypeError("$socket has no function of that name");
  return (...list) => request(`socket.${name}`, list);
});
