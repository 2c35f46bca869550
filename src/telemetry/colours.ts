import picocolors from 'picocolors';

/** Colours for a terminal; none for a file or a pipe, also in CI, where picocolors would want some. */
export function coloursFor(stream: NodeJS.WriteStream): ReturnType<typeof picocolors.createColors> {
  return picocolors.createColors(stream.isTTY === true && picocolors.isColorSupported);
}
