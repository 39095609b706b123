import { type ChannelGroup, MiningChannel, type MiningChannelOptions } from "./mining-channel.ts";

/** The open channels of one connection, and their groups: one for each length of extranonces. */
export class ChannelList {
  readonly #channels = new Map<number, MiningChannel>();
  /** By whether their extranonces are wide. */
  readonly #groups = new Map<boolean, ChannelGroup>();
  /** Channels and groups are counted together, and no id comes twice. */
  #nextId = 1;

  get size(): number {
    return this.#channels.size;
  }

  get groups(): IterableIterator<ChannelGroup> {
    return this.#groups.values();
  }

  [Symbol.iterator](): IterableIterator<MiningChannel> {
    return this.#channels.values();
  }

  get first(): MiningChannel | undefined {
    for (const channel of this) return channel;
    return undefined;
  }

  get(id: number): MiningChannel | undefined {
    return this.#channels.get(id);
  }

  /** @param told the difficulty that the answer tells. */
  open(options: Omit<MiningChannelOptions, "id" | "group">, told: number): MiningChannel {
    const group = this.#groupOf(options.isWide);
    const channel = new MiningChannel({ ...options, group, id: this.#nextId++ }, told);
    this.#channels.set(channel.id, channel);
    group.channels.add(channel);
    return channel;
  }

  /** @param id of a channel, or of a group, with which all of its channels go. @returns those that went. */
  close(id: number): readonly MiningChannel[] {
    const channel = this.#channels.get(id);
    const closed = channel === undefined ? this.#membersOf(id) : [channel];
    for (const gone of closed) {
      this.#channels.delete(gone.id);
      gone.group.channels.delete(gone);
    }
    return closed;
  }

  /** @returns those that went. */
  closeAll(): readonly MiningChannel[] {
    const closed = [...this];
    this.#channels.clear();
    this.#groups.clear();
    return closed;
  }

  #membersOf(groupId: number): MiningChannel[] {
    for (const { id, channels } of this.groups) if (id === groupId) return [...channels];
    return [];
  }

  #groupOf(isWide: boolean): ChannelGroup {
    let group = this.#groups.get(isWide);
    if (group === undefined) {
      group = { id: this.#nextId++, channels: new Set() };
      this.#groups.set(isWide, group);
    }
    return group;
  }
}
