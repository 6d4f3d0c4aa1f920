import { describe, expect, it } from 'vitest';
import type { Activity } from '#lib/contracts';
import type { Caller } from '../api/token-book.ts';
import { MAX_VIEWERS, MAX_WAITING, Viewers, type ViewerSink } from './viewers.ts';

const APP = 'a'.repeat(24);
const caller: Caller = { tokenId: 't1', applicationId: APP, scopes: [] };
const activity = (over: Partial<Activity> = {}): Activity => ({
  kind: 'status',
  id: 'i1',
  applicationId: APP,
  time: '2026-01-01T00:00:00.000Z',
  body: { state: 'connected' },
  ...over,
});

function makeSink(waiting = 0) {
  const texts: string[] = [];
  let ended = false;
  const sink: ViewerSink = {
    write: (text) => {
      texts.push(text);
      return waiting;
    },
    end: () => {
      ended = true;
    },
  };
  return { sink, texts, ended: () => ended };
}

describe('viewers', () => {
  it('see their own application only, and only what they asked for', () => {
    const viewers = new Viewers(() => 0);
    const all = makeSink();
    const debug = makeSink();
    const other = makeSink();
    viewers.add(caller, { applicationId: APP }, all.sink);
    viewers.add(caller, { applicationId: APP, kind: 'debug', id: 'w1' }, debug.sink);
    viewers.add(caller, { applicationId: 'b'.repeat(24) }, other.sink);
    viewers.show(activity());
    viewers.show(activity({ kind: 'debug', id: 'w2' }));
    viewers.show(activity({ kind: 'debug', id: 'w1' }));
    expect(all.texts).toHaveLength(4);
    expect(all.texts[0]).toBe(': connected\n\n');
    expect(all.texts[1]).toBe(`event: status\ndata: ${JSON.stringify(activity())}\n\n`);
    expect(debug.texts).toHaveLength(2);
    expect(other.texts).toHaveLength(1);
  });

  it('are dropped when they read too slowly', () => {
    const viewers = new Viewers(() => 0);
    const slow = makeSink(MAX_WAITING + 1);
    viewers.add(caller, { applicationId: APP }, slow.sink);
    viewers.show(activity());
    expect(slow.ended()).toBe(true);
    viewers.show(activity());
    expect(slow.texts).toHaveLength(2);
  });

  it('are let go when their token is revoked or expires, their application goes, or the gateway stops', () => {
    let now = 0;
    const viewers = new Viewers(() => now);
    const watch = (who: Caller, applicationId = APP) => {
      const made = makeSink();
      viewers.add(who, { applicationId }, made.sink);
      return made;
    };
    const revoked = watch(caller);
    const expiring = watch({ ...caller, tokenId: 't2', expiresAt: 1_000 });
    const gone = watch({ ...caller, tokenId: 't3', applicationId: '-' }, 'c'.repeat(24));
    const last = watch({ ...caller, tokenId: 't4' });
    viewers.drop({ tokenId: 't1' });
    expect(revoked.ended()).toBe(true);
    viewers.drop({ applicationId: 'c'.repeat(24) });
    expect(gone.ended()).toBe(true);
    now = 1_000;
    viewers.heartbeat();
    expect(expiring.ended()).toBe(true);
    expect(last.ended()).toBe(false);
    viewers.close();
    expect(last.ended()).toBe(true);
    expect(viewers.add(caller, { applicationId: APP }, makeSink().sink)).toBeUndefined();
  });

  it('are bounded in number, and make room when they leave', () => {
    const counts: number[] = [];
    const viewers = new Viewers(
      () => 0,
      (count) => counts.push(count),
    );
    const leave = Array.from({ length: MAX_VIEWERS }, () => viewers.add(caller, { applicationId: APP }, makeSink().sink));
    expect(viewers.add(caller, { applicationId: APP }, makeSink().sink)).toBeUndefined();
    leave[0]?.();
    leave[0]?.();
    expect(counts.at(-1)).toBe(MAX_VIEWERS - 1);
    expect(viewers.add(caller, { applicationId: APP }, makeSink().sink)).toBeDefined();
  });
});
