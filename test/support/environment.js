"use strict";

// With `CI` the policy pack reads Git and the registry again. A test that wants that says so.
delete process.env.CI;
