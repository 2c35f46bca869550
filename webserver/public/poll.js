/*
 * Asks an address again and again, as often as its answer's X-Live header says (milliseconds). The browser sends the ETag along, so that
 * an unchanged answer costs a 304. Rests while the tab is hidden, and comes back at once.
 */
const offline = document.getElementById('offline');
let failing = 0;

export class Poller {
  #timer = 0;
  #request = null;
  #stopped = false;
  #last = null;

  /** `onText` is called with answers that differ from the one before. */
  constructor({ url, everyMs, onText, seen = null }) {
    Object.assign(this, { url, everyMs, onText });
    this.#last = seen;
    this.onVisible = () => {
      if (document.visibilityState === 'visible') void this.now();
      else clearTimeout(this.#timer);
    };
    document.addEventListener('visibilitychange', this.onVisible);
  }

  later() {
    clearTimeout(this.#timer);
    if (!this.#stopped && document.visibilityState === 'visible') this.#timer = setTimeout(() => void this.now(), this.everyMs);
  }

  async now() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    let failed = false;
    try {
      const response = await fetch(this.url, { cache: 'no-cache', signal: request.signal, credentials: 'same-origin' });
      if (response.status === 401) return location.reload();
      if (!response.ok && response.status >= 500) throw new Error(`status ${response.status}`);
      if (response.ok) {
        const text = await response.text();
        if (request.signal.aborted) return;
        this.everyMs = Number(response.headers.get('X-Live')) || this.everyMs;
        if (text !== this.#last) {
          this.#last = text;
          this.onText(text);
        }
      }
    } catch (error) {
      if (request.signal.aborted) return;
      failed = true;
    }
    failing = failed ? failing + 1 : 0;
    if (offline) offline.hidden = failing < 2;
    if (failed) {
      clearTimeout(this.#timer);
      if (!this.#stopped) this.#timer = setTimeout(() => void this.now(), Math.min(10_000, 1000 * failing));
    } else this.later();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#request?.abort();
    document.removeEventListener('visibilitychange', this.onVisible);
  }
}
