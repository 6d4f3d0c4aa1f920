import { expect, it } from 'vitest';
import { APPLICATION, workflow } from '../../../test/builders/runs.ts';
import { ErrorListeners } from './index.ts';

const ids = ['1', '2', '3', '4', '5', '6'].map((n) => n.padStart(24, '0'));
const [own = '', local = '', cloud = '', experience = '', all = '', off = ''] = ids;
const listening = (id: string, ...scopes: (string | undefined)[]) =>
  workflow([], { id, triggers: scopes.map((scope) => ({ type: 'flowError', key: 'k', config: scope === undefined ? {} : { scope } })) });

const listeners = new ErrorListeners();
const states = [
  listening(own, 'global', undefined),
  listening(local, 'local'),
  listening(cloud, 'cloud'),
  listening(experience, 'experience'),
  listening(all, 'global'),
  { ...listening(off, 'global'), enabled: false },
];
for (const state of states) listeners.apply(APPLICATION, state.id, state);

it('an error is heard by the triggers whose scope it is in, the narrowest first', () => {
  expect(listeners.of(APPLICATION, { flowId: own, flowClass: 'cloud' })).toEqual([own, cloud, all]);
  expect(listeners.of(APPLICATION, { flowId: cloud, flowClass: 'cloud' })).toEqual([cloud, own, all]);
  expect(listeners.of(APPLICATION, { flowId: all, flowClass: 'experience' })).toEqual([experience, own, all]);
  expect(listeners.of('0a0000000000000000000009', { flowId: own, flowClass: 'cloud' })).toEqual([]);
});

it('is not heard by what was changed, switched off, deleted, or runs elsewhere', () => {
  const one = new ErrorListeners();
  const heard = (): readonly string[] => one.of(APPLICATION, { flowId: own, flowClass: 'cloud' });
  one.apply(APPLICATION, all, listening(all, 'global'));
  expect(heard()).toEqual([all]);
  one.apply(APPLICATION, all, listening(all));
  expect(heard()).toEqual([]);
  one.apply(APPLICATION, all, { ...listening(all, 'global'), flowClass: 'edge' });
  expect(heard()).toEqual([]);
  one.apply(APPLICATION, all, listening(all, 'global'));
  one.apply(APPLICATION, all, null);
  expect(heard()).toEqual([]);
});
