import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EnvironmentError, readEnvironment, setting } from './env.ts';

const schema = z.object({ natsUrl: setting.url('nats', 'tls'), port: setting.port().default(8080), demo: setting.flag().default(true) });
const variables = { natsUrl: 'SLUICE_NATS_URL', port: 'SLUICE_HTTP_PORT', demo: 'SLUICE_DEMO' };
const read = (environment: Record<string, string>): z.infer<typeof schema> => readEnvironment(schema, variables, environment);

describe('the environment', () => {
  it('becomes typed settings, with defaults for what is absent or blank', () => {
    expect(read({ SLUICE_NATS_URL: 'nats://bus:4222', SLUICE_HTTP_PORT: '', SLUICE_DEMO: 'off' })).toEqual({
      natsUrl: 'nats://bus:4222',
      port: 8080,
      demo: false,
    });
  });

  it('fails with the names of everything that is wrong', () => {
    const failure = problems({ SLUICE_HTTP_PORT: '99999', SLUICE_DEMO: 'perhaps' });
    expect(failure).toEqual(['SLUICE_NATS_URL is required', 'SLUICE_HTTP_PORT: must be a port number', 'SLUICE_DEMO: must be on or off']);
  });

  it('never shows a value', () => {
    expect(problems({ SLUICE_NATS_URL: 'http://user:canary@bus' }).join()).not.toContain('canary');
  });
});

function problems(environment: Record<string, string>): readonly string[] {
  try {
    read(environment);
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
  return [];
}
