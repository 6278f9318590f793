import { LineSocket } from './line-socket.js';

/** Delivers one message to one user or more. @throws where the server refuses any of them. */
export async function deliver(port: number, recipients: readonly string[], message: string): Promise<void> {
  const socket = await LineSocket.connect(port);
  const expect = async (what: string, code: string) => {
    for (;;) {
      const line = await socket.readLine();
      if (!line.startsWith(code)) throw new Error(`LMTP ${what}: ${line}`);
      if (line[3] !== '-') return;
    }
  };
  const say = async (line: string, code: string) => {
    socket.write(`${line}\r\n`);
    await expect(line, code);
  };
  try {
    await expect('greeting', '220');
    await say('LHLO test.example.org', '250');
    await say('MAIL FROM:<sender@test.example.org>', '250');
    for (const to of recipients) await say(`RCPT TO:<${to}>`, '250');
    await say('DATA', '354');
    socket.write(`${message.replace(/^\./gm, '..')}${message.endsWith('\r\n') ? '' : '\r\n'}.\r\n`);
    for (const to of recipients) await expect(`DATA for ${to}`, '250'); // LMTP answers once for each
    socket.write('QUIT\r\n');
  } finally {
    socket.close();
  }
}
