import { describe, expect, it } from 'vitest';
import { change } from '../../../test/builders/inbound.ts';
import { APPLICATION, INTEGRATION, integration, trigger, workflow, WORKFLOW } from '../../../test/builders/runs.ts';
import { Catalog } from './catalog.ts';

const OTHER = '0c0000000000000000000002';
const FOREIGN = '0a0000000000000000000002';

function catalogWith(...workflows: Parameters<typeof workflow>[1][]): Catalog {
  const catalog = new Catalog();
  catalog.apply(change('integration', INTEGRATION, integration()));
  for (const changes of workflows) {
    const state = workflow([], { triggers: [trigger([])], ...changes });
    catalog.apply(change('workflow', state.id, state, { applicationId: state.applicationId }));
  }
  return catalog;
}
const starts = (catalog: Catalog, type: Parameters<Catalog['matches']>[2] = 'message', topic: unknown = 'in/a'): readonly string[] =>
  catalog.matches(APPLICATION, INTEGRATION, type, topic);

describe('matching', () => {
  it('starts every enabled workflow that listens to the integration, each once, in the order of their ids', () => {
    const catalog = catalogWith({ id: OTHER }, { triggers: [trigger([]), trigger([])] });
    expect(starts(catalog)).toEqual([WORKFLOW, OTHER]);
    expect(catalog.matches(APPLICATION, '0b0000000000000000000009', 'message', 'in/a')).toEqual([]);
  });

  it('starts no disabled workflow, and none of another application', () => {
    const catalog = catalogWith({ enabled: false }, { id: OTHER, applicationId: FOREIGN });
    expect(starts(catalog)).toEqual([]);
  });

  it('follows what a workflow was changed to, and forgets what was deleted', () => {
    const catalog = catalogWith({}, { id: OTHER });
    catalog.apply(change('workflow', WORKFLOW, workflow([], { triggers: [trigger([], { key: '0b0000000000000000000009' })] })));
    expect(starts(catalog)).toEqual([OTHER]);
    expect(catalog.matches(APPLICATION, '0b0000000000000000000009', 'message', 'in/a')).toEqual([WORKFLOW]);
    catalog.apply(change('workflow', OTHER, null));
    expect(starts(catalog)).toEqual([]);
  });

  it('starts on messages unless that is switched off, and on other events only where they are switched on', () => {
    expect(starts(catalogWith({ triggers: [trigger([], { config: {} })] }))).toEqual([WORKFLOW]);
    const catalog = catalogWith({ triggers: [trigger([], { config: { message: false, disconnect: true } })] });
    expect(starts(catalog)).toEqual([]);
    expect(starts(catalog, 'disconnect', undefined)).toEqual([WORKFLOW]);
    expect(starts(catalog, 'connect', undefined)).toEqual([]);
    expect(starts(catalog, 'gap', undefined)).toEqual([]);
  });

  it('holds messages against the topic filters of that integration, and no other events', () => {
    const catalog = catalogWith({
      topicFilters: { [INTEGRATION]: ['in/+/b', 'x/#'] },
      triggers: [trigger([], { config: { message: true, connect: true } })],
    });
    for (const topic of ['in/a/b', 'x', 'x/y/z']) expect(starts(catalog, 'message', topic)).toEqual([WORKFLOW]);
    for (const topic of ['in/a', 'undefined/x', undefined]) expect(starts(catalog, 'message', topic)).toEqual([]);
    expect(starts(catalog, 'connect', undefined)).toEqual([WORKFLOW]);
    expect(starts(catalogWith({ topicFilters: { [INTEGRATION]: [] } }))).toEqual([]);
  });

  it('knows the buttons and timers of enabled workflows', () => {
    const triggers = [{ type: 'virtualButton', key: 'go', config: {} }];
    const catalog = catalogWith({ triggers }, { id: OTHER, triggers, enabled: false });
    expect(catalog.hasTrigger(APPLICATION, WORKFLOW, 'virtualButton', 'go')).toBe(true);
    expect(catalog.hasTrigger(APPLICATION, WORKFLOW, 'virtualButton', 'stop')).toBe(false);
    expect(catalog.hasTrigger(APPLICATION, OTHER, 'virtualButton', 'go')).toBe(false);
    expect(catalog.hasTrigger(APPLICATION, WORKFLOW, 'timer', 'go')).toBe(false);
    expect(catalog.hasTrigger(FOREIGN, WORKFLOW, 'virtualButton', 'go')).toBe(false);
  });

  it('goes by the default version of a workflow, as long as both are on', () => {
    const lists = {
      id: '0f0000000000000000000001',
      version: 'v1',
      nodes: [],
      globals: [],
      triggers: [{ type: 'virtualButton', key: 'v1' }],
    };
    const pinned = (enabled: boolean, version: boolean): Catalog =>
      catalogWith({ enabled, defaultVersion: { ...lists, enabled: version } });
    expect(starts(pinned(true, true))).toEqual([]);
    const buttons = (catalog: Catalog) => catalog.hasTrigger(APPLICATION, WORKFLOW, 'virtualButton', 'v1');
    expect([buttons(pinned(true, true)), buttons(pinned(true, false)), buttons(pinned(false, true))]).toEqual([true, false, false]);
  });

  it('starts a workflow with several triggers by each of them', () => {
    const other = '0b0000000000000000000002';
    const catalog = catalogWith({
      triggers: [trigger([]), trigger([], { key: other }), { type: 'timer', key: 't', config: { seconds: 9 } }],
    });
    catalog.apply(change('integration', other, integration({ id: other })));
    expect(starts(catalog)).toEqual([WORKFLOW]);
    expect(catalog.matches(APPLICATION, other, 'message', 'in/a')).toEqual([WORKFLOW]);
    expect(catalog.hasTrigger(APPLICATION, WORKFLOW, 'timer', 't')).toBe(true);
  });

  it('shows a tenant nothing of another', () => {
    const catalog = catalogWith({});
    expect(catalog.integration(FOREIGN, INTEGRATION)).toBeUndefined();
    expect(catalog.workflow(FOREIGN, WORKFLOW)).toBeUndefined();
    expect(catalog.integrationsOf(FOREIGN)).toEqual([]);
    expect(catalog.integrationsOf(APPLICATION)).toEqual([INTEGRATION]);
  });
});
