import { describe, expect, it } from 'vitest';
import { EndedSessions } from './ended-sessions.ts';

/** A frame as the client writes it: size, offset of its body, type, channel, and what it says. */
const frame = (channel: number, performative: number, type = 0): Buffer =>
  Buffer.from([0, 0, 0, 12, 2, type, channel >> 8, channel & 255, 0x00, 0x53, performative, 0x45]);
const [BEGIN, DISPOSITION, END] = [0x11, 0x15, 0x17];

describe('ended sessions', () => {
  it('send nothing more until they begin again', () => {
    const sessions = new EndedSessions();
    expect([BEGIN, DISPOSITION, END].map((performative) => sessions.allows(frame(300, performative)))).toEqual([true, true, true]);
    expect([DISPOSITION, END].map((performative) => sessions.allows(frame(300, performative)))).toEqual([false, false]);
    expect([BEGIN, DISPOSITION].map((performative) => sessions.allows(frame(300, performative)))).toEqual([true, true]);
  });

  it('stand in the way of no other session, of no heartbeat, and of no frame that is not of AMQP', () => {
    const sessions = new EndedSessions();
    sessions.allows(frame(0, END));
    expect(sessions.allows(frame(256, DISPOSITION))).toBe(true);
    expect(sessions.allows(Buffer.from([0, 0, 0, 8, 2, 0, 0, 0]))).toBe(true);
    expect(sessions.allows(frame(0, DISPOSITION, 1))).toBe(true);
    expect(sessions.allows(Buffer.from('AMQP\0\x01\0\0', 'latin1'))).toBe(true);
  });
});
