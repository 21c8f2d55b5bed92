// Enters the room of the URL given as a client of 2026 does: mediasoup-client over its own fake of a browser, protoo-client.
// Prints one JSON line for everything that happens, until standard input ends.
const { Device } = require('mediasoup-client');
const { FakeHandler } = require('mediasoup-client/handlers/FakeHandler');
const fakeParameters = require('mediasoup-client/fakeParameters');
const { FakeMediaStreamTrack } = require('fake-mediastreamtrack');
const { Peer, WebSocketTransport } = require('protoo-client');

const say = (event, body = {}) => process.stdout.write(`${JSON.stringify({ event, ...body })}\n`);
const peer = new Peer(new WebSocketTransport(process.argv[2], { retry: { retries: 0 } }));
const device = new Device({ handlerFactory: FakeHandler.createFactory(fakeParameters) });
let receiving;

async function createTransport(direction) {
  const info = await peer.request('createWebRtcTransport', { forceTcp: false, appData: { direction } });
  const { transportId, iceParameters, iceCandidates, dtlsParameters, sctpParameters } = info;
  const options = { id: transportId, iceParameters, iceCandidates, dtlsParameters: { ...dtlsParameters, role: 'auto' }, sctpParameters };
  const transport = direction === 'producer' ? device.createSendTransport(options) : device.createRecvTransport(options);
  const asked = (method, data, done, fail) => peer.request(method, { transportId, ...data }).then(done, fail);
  transport.on('connect', ({ dtlsParameters }, done, fail) => asked('connectWebRtcTransport', { dtlsParameters }, () => done(), fail));
  transport.on('produce', (data, done, fail) => asked('produce', data, ({ producerId: id }) => done({ id }), fail));
  transport.on('producedata', (data, done, fail) => asked('produceData', data, ({ dataProducerId: id }) => done({ id }), fail));
  say('transport', { direction, sctp: sctpParameters !== undefined });
  return transport;
}

async function enter() {
  say('capabilities', { sctpCapabilities: 'sctpCapabilities' in device });
  await peer.request('getRtcStatsUrl');
  await device.load(await peer.request('getRouterRtpCapabilities'));
  const sending = await createTransport('producer');
  receiving = await createTransport('consumer');
  await peer.request('join', { displayName: 'N', device: {}, rtpCapabilities: device.recvRtpCapabilities });
  const audio = await sending.produce({ track: new FakeMediaStreamTrack({ kind: 'audio' }), appData: { source: 'audio' }, stopTracks: false });
  const chat = await sending.produceData({ label: 'chat', ordered: true, appData: { channel: 'chat' } });
  say('entered', { audio: audio.id, chat: chat.id });
}

peer.on('open', () => enter().catch((error) => say('failed', { error: String(error?.stack) })));
peer.on('notification', ({ method, data }) => say('notification', { method, data }));
peer.on('request', async ({ method, data }, accept, reject) => {
  try {
    if (method === 'newConsumer') {
      const consumer = await receiving.consume({ ...data, id: data.consumerId });
      say('consumer', { kind: consumer.kind, peerId: data.peerId });
    } else {
      const dataConsumer = await receiving.consumeData({ ...data, id: data.dataConsumerId });
      say('dataConsumer', { label: dataConsumer.label, peerId: data.peerId });
    }
    accept();
  } catch (error) {
    reject(500, String(error));
    say('failed', { error: String(error?.stack) });
  }
});
process.stdin.resume().on('end', () => process.exit());
