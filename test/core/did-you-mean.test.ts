import { closeNames, didYouMean } from '../../src/core/did-you-mean';

const known = ['retries', 'retryDelay', 'pool', 'poolSlots', 'seattle_weather', 'seattle_weather_monthly'];

test.each([
  ['retrys', ['retries']],
  ['retry', ['retries', 'retryDelay']],
  ['Pool', ['pool', 'poolSlots']],
  ['seattle', ['seattle_weather', 'seattle_weather_monthly']],
  ['seatle_weather', ['seattle_weather']],
  ['xyz', []],
])('%s is close to %j', (given, expected) => {
  expect(closeNames(given, known)).toEqual(expected);
});

test('the sentence ends with a question, or says nothing', () => {
  expect(`unknown option "retrys"${didYouMean('retrys', known)}`).toBe('unknown option "retrys"; did you mean "retries"?');
  expect(didYouMean('xyz', known)).toBe('');
});
