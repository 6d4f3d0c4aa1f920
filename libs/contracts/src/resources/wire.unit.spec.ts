import { describe, expect, it } from 'vitest';
import { LEASE_MS, type StatusRecord } from '../bus.ts';
import type { ApplicationState, IntegrationState, TokenState, WorkflowState } from '../config-state.ts';
import {
  ApplicationResponse,
  applicationToWire,
  FlowResponse,
  GLOBAL_MASK,
  IntegrationResponse,
  IntegrationStatus,
  integrationToWire,
  statusToWire,
  TokenResponse,
  tokenToWire,
  workflowToWire,
} from './index.ts';

const ID = '64b7f0c2a1b2c3d4e5f60718';
const dates = { creationDate: '2026-01-01T00:00:00.000Z', lastUpdated: '2026-01-02T00:00:00.000Z' };

describe('on the wire', () => {
  it('an application shows a mask for a sealed global', () => {
    const state: ApplicationState = {
      id: ID,
      name: 'a',
      globals: [
        { key: 'open', json: '1' },
        { key: 'secret', json: { $sealed: 'd1.n.t.c' } },
      ],
      secretGlobals: ['secret'],
      limits: { messagesPerSecond: 20, burst: 20, payloads: 0, period: 'month' },
      ...dates,
    };
    const wire = applicationToWire(state);
    expect(wire['globals']).toEqual([
      { key: 'open', json: '1' },
      { key: 'secret', json: GLOBAL_MASK },
    ]);
    expect(JSON.stringify(wire)).not.toContain('sealed');
    expect(ApplicationResponse.safeParse(wire).success).toBe(true);
    expect('description' in wire).toBe(false);
  });

  it('an integration has its configuration under its type’s name, and both of its ids', () => {
    const state: IntegrationState = {
      id: ID,
      applicationId: ID,
      name: 'a',
      enabled: true,
      integrationType: 'mqtt',
      topics: [],
      config: { password: { $sealed: 'x' } },
      assignedClientId: 'assigned',
      ...dates,
    };
    const wire = integrationToWire(state, { host: 'h', password: '********' });
    expect(wire).toMatchObject({ id: ID, integrationId: ID, mqttConfig: { host: 'h', password: '********', clientId: 'assigned' } });
    expect(IntegrationResponse.safeParse(wire).success).toBe(true);
    expect('credentialName' in wire).toBe(false);
    expect(integrationToWire(state, { clientId: 'own' })['mqttConfig']).toEqual({ clientId: 'own' });
  });

  it('a workflow reads back what was sent', () => {
    const state: WorkflowState = {
      id: ID,
      applicationId: ID,
      name: 'a',
      enabled: true,
      flowClass: 'cloud',
      triggers: [],
      nodes: [{ id: 'n', type: 'DebugNode', config: { any: 1 } }],
      globals: [],
      extra: { description: 'd' },
      ...dates,
    };
    const wire = workflowToWire(state);
    expect(wire).toMatchObject({ flowId: ID, description: 'd', nodes: state.nodes });
    expect(FlowResponse.safeParse(wire).success).toBe(true);
  });

  it('a token never shows itself or its hash', () => {
    const state: TokenState = {
      id: ID,
      applicationId: ID,
      name: 'a',
      scope: ['all.Application'],
      status: 'active',
      tokenHash: 'h'.repeat(64),
      creatorId: ID,
      creatorType: 'apiToken',
      ...dates,
    };
    const wire = tokenToWire(state);
    expect(JSON.stringify(wire)).not.toContain('hhhh');
    expect(wire).toMatchObject({ ownerId: ID, ownerType: 'application' });
    expect(TokenResponse.safeParse(wire).success).toBe(true);
  });
});

describe('a status', () => {
  const record: StatusRecord = {
    state: 'connected',
    since: 1_000,
    reason: 'Subscribed.',
    evidence: { kind: 'suback', at: 1_000 },
    appliedVersion: 3,
    connectInfo: { ts: 1_000 },
  } as StatusRecord;

  it('is what the holder said last, joined with its heartbeat, while that is recent', () => {
    const status = statusToWire(record, 50_000, 50_000 + LEASE_MS);
    expect(status).toEqual({ ...record, lastKeepAlive: 50_000 });
    expect(IntegrationStatus.safeParse(status).success).toBe(true);
  });

  it('turns unknown by itself when the holder is gone, from when its lease ended', () => {
    expect(statusToWire(record, 50_000, 50_001 + LEASE_MS)).toMatchObject({
      state: 'unknown',
      since: 50_000 + LEASE_MS,
      appliedVersion: 3,
    });
    expect(statusToWire(record, undefined, 99_000)).toMatchObject({ state: 'unknown' });
  });

  it('stays disabled, for that needs no holder', () => {
    expect(statusToWire({ ...record, state: 'disabled' }, undefined, 99_000).state).toBe('disabled');
  });

  it('claims no life for a link that has none', () => {
    expect('lastKeepAlive' in statusToWire({ ...record, state: 'disconnected' }, 50_000, 50_000)).toBe(false);
  });

  it('is unknown before a connector took it', () => expect(statusToWire(undefined, 1, 1).state).toBe('unknown'));
});
