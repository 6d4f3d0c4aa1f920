import { expect, it } from 'vitest';
import { createLogger } from './logging.ts';

function capture(): { lines: Record<string, unknown>[]; text(): string; log: ReturnType<typeof createLogger> } {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    service: 'gateway',
    level: 'trace',
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  return { lines, log, text: () => JSON.stringify(lines) };
}

it('writes one JSON object a line, with the service and a named level', () => {
  const { lines, log } = capture();
  log.warn({ port: 1883 }, 'slow');
  expect(lines[0]).toMatchObject({ level: 'warn', service: 'gateway', port: 1883, msg: 'slow' });
});

it('hides what could be a secret, one level down too', () => {
  const { log, text } = capture();
  log.info({ authorization: 'Bearer canary', request: { headers: 'canary', password: 'canary' }, config: { password: 'canary' } });
  expect(text()).not.toContain('canary');
});

it('logs an error without the properties that libraries hang on it', () => {
  const { lines, log, text } = capture();
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', config: { password: 'canary' } });
  log.error({ err: new Error('no connection', { cause }) }, 'failed');
  expect(lines[0]).toMatchObject({ err: { message: 'no connection', cause: { message: 'refused', code: 'ECONNREFUSED' } } });
  expect(text()).not.toContain('canary');
});
