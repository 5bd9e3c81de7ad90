// Every state of the checkout that a viewer can come to, one after the other.

import { card, newAddress, payButton, payWith, title, upToTheCard } from './shop.js';

/** Walks through all of them on this page; `see` is called in each with its name. */
export async function walk(page, system, see) {
  await title(page, /Every race/).waitFor();
  await see('plans');

  await page.getByRole('link', { name: 'Choose monthly' }).click();
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  await page.getByText('Enter an e-mail address').waitFor();
  await see('address-missing');

  const email = newAddress();
  await page.goto(`${system.origin}/checkout`);
  await upToTheCard(page, { gateway: 'Adyen', email });
  await see('payment');

  await page.getByText('I have a voucher').click();
  await page.getByLabel('Voucher code').fill('half');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('HALF is taken off').waitFor();
  await see('voucher');

  await card(page, 'Another test card').check();
  await page.getByLabel('Name of the test card').fill('4111 1111 1111 1111');
  await payButton(page).click();
  await page.getByText('Never type a card number').waitFor();
  await see('card-number-refused');

  await payWith(page, 'Refused: not enough money');
  await page.getByText('Your bank did not accept this card').waitFor();
  await see('refused');

  await page.getByRole('button', { name: 'Pay with Apple Pay' }).click();
  await page.getByRole('dialog', { name: 'Apple Pay' }).waitFor();
  await see('wallet');
  await page.getByRole('button', { name: 'Cancel' }).click();

  await payWith(page, 'Your bank asks first');
  await page.getByRole('dialog', { name: 'Is this you?' }).waitFor();
  await see('challenge');
  await page.getByRole('button', { name: 'Yes, it is me' }).click();
  await title(page, 'Welcome to Polder TV').waitFor();
  await page.getByText('Your access is open').waitFor();
  await see('bought');

  await page.goto(`${system.origin}/checkout`);
  await page.getByRole('link', { name: 'Start the free trial' }).click();
  await payWith(page, 'Pays once, refuses renewals');
  await title(page, /14 free days/).waitFor();
  await page.getByText('Your access is open').waitFor();
  await see('trial-begun');

  await page.goto(`${system.origin}/checkout`);
  await page.getByRole('link', { name: 'Buy one day' }).click();
  await payWith(page, 'Your bank does not answer yet');
  await title(page, 'We are still asking your bank').waitFor();
  await see('pending');

  await page.goto(`${system.origin}/checkout`);
  await page.getByRole('link', { name: 'Choose weekly' }).click();
  await payWith(page, 'Your bank asks on its own page');
  await title(page, /Do you pay/).waitFor();
  await see('bank');
  await page.getByRole('link', { name: 'No, this was not me' }).click();
  await page.getByText('Your bank did not accept this card').waitFor();
  await see('back-and-refused');

  await page.getByRole('link', { name: 'My account' }).click();
  await page.getByText('Free trial', { exact: true }).waitFor();
  await see('account');

  await page.getByRole('button', { name: 'Change card: Monthly', exact: true }).click();
  await page.getByRole('heading', { name: 'Pay with another card' }).waitFor();
  await see('card-change');
  await card(page, 'Mastercard ending in 4444').check();
  await page.getByRole('button', { name: 'Use this card' }).click();
  await page.getByText('Your new card is in use').waitFor();
  await see('card-changed');

  await page.getByRole('button', { name: 'Stop: Monthly', exact: true }).click();
  await page.getByText('Nothing more is charged').waitFor();
  await see('stopped');

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await see('signed-out');
}
