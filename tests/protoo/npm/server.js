// The original protoo-server on a free port, which it prints. It echoes requests and notifications, rejects requests
// named "refuse", asks its client when told "ask", and closes it when told "leave".
const http = require('node:http');
const protoo = require('protoo-server');

const httpServer = http.createServer();
const server = new protoo.WebSocketServer(httpServer);
const room = new protoo.Room();

server.on('connectionrequest', (info, accept, reject) => {
  const peerId = new URL(info.request.url, 'http://x').searchParams.get('peerId');
  if (!peerId) return reject(400, 'no peerId');
  const peer = room.createPeer(peerId, accept());
  peer.on('request', async (request, acceptRequest, rejectRequest) => {
    if (request.method === 'refuse') return rejectRequest(403, 'I do not want to');
    if (request.method === 'ask') return acceptRequest({ answer: await peer.request('question', { n: 42 }) });
    if (request.method === 'leave') return peer.close();
    return acceptRequest({ method: request.method, data: request.data });
  });
  peer.on('notification', ({ method, data }) => peer.notify(method, data));
});

process.stdin.on('end', () => process.exit()).resume();
httpServer.listen(0, '127.0.0.1', () => process.stdout.write(`${httpServer.address().port}\n`));
