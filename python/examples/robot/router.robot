*** Settings ***
Documentation     The LAN side of a router: `robot router.robot`; on a real one, as root: `robot --variable PARENT:eth0 router.robot`.
Library           lanherd.robot.Lanherd
Suite Setup       Start Herd On The Lab Or On The Parent
Suite Teardown    Stop Herd

*** Variables ***
${PARENT}         ${None}

*** Test Cases ***
Every Client Has An Address Of Its Own
    ${clients} =    Get Clients
    ${addresses} =    Evaluate    {client["address"] for client in $clients}
    Length Should Be    ${addresses}    3

A Client Reaches Its Router
    ${clients} =    Get Clients
    Run In Client    1    ping    -c    1    -W    2    ${clients}[0][router]

A Client That Crashes Comes Back
    Inject Fault    crash    2
    Wait Until Restarted    2

Leases Are Renewed
    ${told} =    Order Clients    renew
    Should Be Equal As Integers    ${told}    3

*** Keywords ***
Start Herd On The Lab Or On The Parent
    IF    $PARENT is None
        Start Herd    lab=True    clients=3
    ELSE
        Start Herd    parent=${PARENT}    clients=3
    END
