import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { freePort } from './child.ts';

it('gives ports that no outgoing connection can take before a server listens', async () => {
  const range = process.platform === 'linux' ? readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/) : ['32768'];
  for (let i = 0; i < 50; i++) {
    const port = await freePort();
    expect(port).toBeLessThan(Number(range[0]));
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    await new Promise((resolve) => server.close(resolve));
  }
});
