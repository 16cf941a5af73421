// An SMSC on the npm package `smpp`, an SMPP stack not written here. Prints one JSON line when it
// listens, one per bind. On standard input it takes `stats`, and `deliver {…}`: a deliver_sm on the
// newest bind.
'use strict';
const smpp = require('smpp');
const readline = require('readline');

const port = Number(process.argv[2] || 0);
const stats = {
  binds: 0, submits: 0, receipts: 0, acknowledged: 0, refused: 0, unbinds: 0, errors: [], messages: [], answers: [],
};
let bound = null;
const keepMessages = process.argv.includes('--keep-messages');

function receipt(session, pdu, id) {
  const now = new Date().toISOString().replace(/[-:TZ]/g, '').slice(2, 12);
  stats.receipts += 1;
  const send = () => session.deliver_sm({
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 0x04,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:${now} done date:${now} stat:DELIVRD err:000 text:`,
  }, (answer) => {
    if (answer.command_status === smpp.ESME_ROK) stats.acknowledged += 1;
    else if (answer.command_status === smpp.ESME_RMSGQFUL) setTimeout(send, 1000); // "busy": again later, as MNOs do
    else stats.refused += 1;
  });
  send();
}

function deliver(wanted) {
  const { text = '', udh, payload, ...fields } = wanted;
  const message = udh ? { message: text, udh: Buffer.from(udh, 'hex') } : text;
  fields[payload ? 'message_payload' : 'short_message'] = message;
  bound.deliver_sm({ data_coding: 0, ...fields }, (answer) => stats.answers.push(answer.command_status));
}

const server = smpp.createServer({}, (session) => {
  session.on('error', (e) => { if (e.code !== 'ECONNRESET') stats.errors.push(String(e)); });
  for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(kind, (pdu) => {
      stats.binds += 1;
      bound = session;
      console.log(JSON.stringify({ bind: kind, systemId: pdu.system_id, version: pdu.interface_version }));
      session.send(pdu.response({ system_id: 'npm-smpp' }));
    });
  }
  session.on('submit_sm', (pdu) => {
    stats.submits += 1;
    const id = stats.submits.toString(16).padStart(8, '0');
    if (keepMessages) {
      const sm = pdu.short_message;
      const text = sm && sm.message !== undefined ? sm.message : sm;
      stats.messages.push({
        to: pdu.destination_addr, from: pdu.source_addr, dataCoding: pdu.data_coding, esmClass: pdu.esm_class,
        text: Buffer.isBuffer(text) ? text.toString('hex') : text,
        udh: sm && sm.udh ? sm.udh.map((u) => Buffer.from(u).toString('hex')) : null,
        payload: pdu.message_payload ? String(pdu.message_payload.message || pdu.message_payload) : null,
      });
    }
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery & 1) setImmediate(() => receipt(session, pdu, id));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { stats.unbinds += 1; session.send(pdu.response()); session.close(); });
});

server.listen(port, '127.0.0.1', () => console.log(JSON.stringify({ ready: true, port: server.address().port })));
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stats') console.log(JSON.stringify({ stats }));
  if (line.startsWith('deliver ')) deliver(JSON.parse(line.slice('deliver '.length)));
}).on('close', () => process.exit(0));
